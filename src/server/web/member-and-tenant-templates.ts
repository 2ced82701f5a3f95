/** The pages of tenants and their members. */
import { html } from 'hono/html'
import { type FormResult, formResult } from './form-result.ts'
import type { Markup, Page } from './page-layout.ts'
import { csrfField, timeElement, settingsPage, type SettingsView } from './settings-page-layout.ts'

type Frame = Omit<SettingsView, 'title' | 'current'> & FormResult

type Role = 'admin' | 'member' | 'viewer'

/** The roles as the page names them. */
export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  admin: 'Administrator',
  member: 'Member',
  viewer: 'Viewer, only reads',
}

interface TenantsView extends Frame {
  tenants: readonly { slug: string; name: string; role: Role }[]
  /** Whether this person may add a tenant. */
  mayAdd: boolean
}

/** The tenants of a person; for administrators of the server, a form that adds one. */
export function renderTenants(view: TenantsView): Promise<Page> {
  return settingsPage(
    { ...view, title: 'Tenants', current: '/settings/tenants' },
    html`<p class="lead">
        The tenants that you are a member of. On the command line, <code>fob tenants use SLUG</code> chooses
        one.
      </p>
      ${formResult(view)}
      <ul class="rows" aria-label="Your tenants">
        ${view.tenants.map(tenantRow)}
      </ul>
      ${view.mayAdd ? addTenantForm(view) : ''}`,
  )
}

function tenantRow({ slug, name, role }: TenantsView['tenants'][number]): Markup {
  return html`<li>
    <div>
      <p><a href="/pipelines?tenant=${slug}">${name}</a> <code>${slug}</code></p>
      <p class="small">${ROLE_NAMES[role]}</p>
    </div>
    ${
      role === 'admin'
        ? html`<p>
            <a href="/settings/members?tenant=${slug}">Members<span class="unseen"> of ${name}</span></a> ·
            <a href="/settings/audit?tenant=${slug}">Audit log<span class="unseen"> of ${name}</span></a>
          </p>`
        : ''
    }
  </li>`
}

function addTenantForm({ csrf, query }: TenantsView): Markup {
  return html`<h2>Add a tenant</h2>
    <p class="lead">You will be its first administrator.</p>
    <form method="post" action="/settings/tenants${query}" class="fields">
      ${csrfField(csrf)}
      <label for="slug">Slug</label>
      <input
        id="slug"
        name="slug"
        maxlength="63"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
        required
        aria-describedby="slug-form"
      />
      <p class="note after" id="slug-form">Small letters, digits and hyphens, for example acme-labs.</p>
      <label for="tenant-name">Name</label>
      <input id="tenant-name" name="name" maxlength="100" autocomplete="off" />
      <button type="submit">Add tenant</button>
    </form>`
}

interface MembersView extends Frame {
  tenantName: string
  members: readonly {
    userId: string
    label: string
    provider: string
    role: Role
    since: number
    self: boolean
    /** Whether the server's rule lets them in. */
    admitted: boolean
  }[]
  /** Who becomes a member at their first login. Instants are milliseconds since 1970. */
  pending: readonly { id: string; name: string; role: Role; createdAt: number; expiresAt: number | null }[]
  invitations: readonly {
    id: string
    role: Role
    email: string | null
    createdAt: number
    expiresAt: number
  }[]
  /** The address of the next page of the list. */
  nextHref: string | undefined
}

/** The members of a tenant; each row changes a role or removes a member. For its administrators. */
export function renderMembers(view: MembersView): Promise<Page> {
  const action = `/settings/members${view.query}`
  return settingsPage(
    { ...view, title: `Members of ${view.tenantName}`, current: '/settings/members' },
    html`${formResult(view)}
      <ul class="rows" aria-label="Members">
        ${view.members.map((member) => memberRow(member, action, view.csrf))}
      </ul>
      ${view.pending.length === 0 ? '' : pendingList(view, action)}
      ${view.nextHref === undefined ? '' : html`<p class="next"><a href="${view.nextHref}">More</a></p>`}
      <h2>Add a member</h2>
      <form method="post" action="${action}" class="fields">
        ${csrfField(view.csrf)}
        <label for="user">User</label>
        <input
          id="user"
          name="user"
          maxlength="320"
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          required
          aria-describedby="user-form"
        />
        <p class="note after" id="user-form">
          An e-mail, or a login or ID at a provider such as github:octocat or github:583231. Somebody who has
          not logged in yet becomes a member at their first login.
        </p>
        <label for="new-role">Role</label>
        ${roleSelect('new-role', 'member')}
        <button type="submit" name="do" value="add">Add member</button>
      </form>
      ${invitationsPart(view)}`,
  )
}

const LIFETIMES = { '1': 'for a day', '7': 'for a week', '30': 'for 30 days' }

function invitationsPart(view: MembersView): Markup {
  const action = `/settings/invitations${view.query}`
  return html`<h2 id="invitations">Invitations</h2>
    ${
      view.invitations.length === 0
        ? html`<p class="lead">None can be accepted at the moment.</p>`
        : html`<ul class="rows" aria-labelledby="invitations">
            ${view.invitations.map((invitation) => invitationRow(invitation, action, view.csrf))}
          </ul>`
    }
    <h2>Invite somebody</h2>
    <form method="post" action="${action}" class="fields">
      ${csrfField(view.csrf)}
      <label for="invited">E-mail</label>
      <input
        id="invited"
        name="email"
        type="email"
        maxlength="254"
        autocomplete="off"
        aria-describedby="invited-form"
      />
      <p class="note after" id="invited-form">
        The only one who may accept; nothing is sent. Without it, anybody with the link who has an account, or
        gets one from a provider.
      </p>
      <label for="invited-role">Role</label>
      ${roleSelect('invited-role', 'member')}
      <label for="days">Valid</label>
      <select id="days" name="days">
        ${Object.entries(LIFETIMES).map(
          ([days, text]) => html`<option value="${days}" ${days === '7' ? 'selected' : ''}>${text}</option>`,
        )}
      </select>
      <button type="submit" name="do" value="create">Create invitation</button>
    </form>`
}

function invitationRow(
  { id, role, email, createdAt, expiresAt }: MembersView['invitations'][number],
  action: string,
  csrf: string,
): Markup {
  const label = email ?? 'anybody with the link'
  return html`<li>
    <div>
      <p>${label}</p>
      <p class="small">
        ${ROLE_NAMES[role]}, created ${timeElement(createdAt)}, until ${timeElement(expiresAt)}
      </p>
    </div>
    <form method="post" action="${action}" class="plain">
      ${csrfField(csrf)}
      <input type="hidden" name="id" value="${id}" />
      <button type="submit" name="do" value="revoke">
        Revoke<span class="unseen"> the one for ${label}</span>
      </button>
    </form>
  </li>`
}

/** The only page that shows the link of an invitation. */
export function renderCreatedInvitation(
  view: Frame & { url: string; email: string | null; expiresAt: number },
): Promise<Page> {
  return settingsPage(
    { ...view, title: 'Your invitation', current: '/settings/members' },
    html`<p class="notice" role="status">
        Copy the link now: it is not stored, and this page is the only one that shows it.
      </p>
      <div class="fields">
        <label for="value">Link for ${view.email ?? 'whom you give it to'}</label>
        <input id="value" class="value" readonly spellcheck="false" autocomplete="off" value="${view.url}" />
      </div>
      <p class="lead">It makes one person a member, until ${timeElement(view.expiresAt)}. No mail is sent.</p>
      <p class="next"><a class="button" href="/settings/members${view.query}">Back to the members</a></p>`,
  )
}

function memberRow(member: MembersView['members'][number], action: string, csrf: string): Markup {
  const { userId, label } = member
  return html`<li>
    <div>
      <p>
        ${label} ${member.self ? html`<span class="badge">you</span>` : ''}
        ${member.admitted ? '' : html`<span class="badge">the rule keeps them out</span>`}
      </p>
      <p class="small">${member.provider}, since ${timeElement(member.since)}</p>
    </div>
    <form method="post" action="${action}" class="plain">
      ${csrfField(csrf)}
      <input type="hidden" name="user" value="${userId}" />
      <label class="unseen" for="role-${userId}">Role of ${label}</label>
      ${roleSelect(`role-${userId}`, member.role)}
      <button type="submit" name="do" value="change">
        Change<span class="unseen"> the role of ${label}</span>
      </button>
      <button type="submit" name="do" value="remove">Remove<span class="unseen"> ${label}</span></button>
    </form>
  </li>`
}

function pendingList(view: MembersView, action: string): Markup {
  return html`<h2 id="pending">Members from their first login on</h2>
    <ul class="rows" aria-labelledby="pending">
      ${view.pending.map(
        ({ id, name, role, createdAt, expiresAt }) =>
          html`<li>
            <div>
              <p>${name} <span class="badge">pending</span></p>
              <p class="small">
                ${ROLE_NAMES[role]}, added
                ${timeElement(createdAt)}${expiresAt === null ? '' : html`, counts until ${timeElement(expiresAt)}`}
              </p>
            </div>
            <form method="post" action="${action}" class="plain">
              ${csrfField(view.csrf)}
              <input type="hidden" name="user" value="${id}" />
              <button type="submit" name="do" value="remove">
                Remove<span class="unseen"> ${name}</span>
              </button>
            </form>
          </li>`,
      )}
    </ul>`
}

function roleSelect(id: string, chosen: Role): Markup {
  return html`<select id="${id}" name="role">
    ${Object.entries(ROLE_NAMES).map(
      ([role, text]) => html`<option value="${role}" ${role === chosen ? 'selected' : ''}>${text}</option>`,
    )}
  </select>`
}
