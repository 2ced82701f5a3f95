/** The page on which people change their own password. */
import { html } from 'hono/html'
import { type FormResult, formResult } from '../form-result.ts'
import type { Markup, Page } from '../page-layout.ts'
import { csrfField, settingsPage, type SettingsView } from '../settings-page-layout.ts'

interface PasswordView extends Omit<SettingsView, 'title' | 'current'>, FormResult {
  /** Of the account; for password managers. */
  email: string
  /** Who has the password, where it is not this server. */
  elsewhere?: string | undefined
}

export function renderPassword(view: PasswordView): Promise<Page> {
  return settingsPage(
    { ...view, title: 'Password', current: '/settings/password' },
    view.elsewhere === undefined
      ? passwordForm(view)
      : html`<p class="lead">
          You log in with ${view.elsewhere}, so this server has no password of yours. Change it at
          ${view.elsewhere}.
        </p>`,
  )
}

function passwordForm(view: PasswordView): Markup {
  return html`<p class="lead">
      Everything else that is logged in as you is signed out; this browser and your personal access tokens
      stay.
    </p>
    ${formResult(view)}
    <form method="post" action="/settings/password${view.query}" class="fields">
      ${csrfField(view.csrf)}
      <input
        class="unseen"
        type="email"
        autocomplete="username"
        value="${view.email}"
        readonly
        tabindex="-1"
        aria-label="E-mail"
      />
      <label for="current">Current password</label>
      <input
        id="current"
        name="current"
        type="password"
        autocomplete="current-password"
        maxlength="1024"
        required
      />
      <label for="password">New password</label>
      <input
        id="password"
        name="password"
        type="password"
        autocomplete="new-password"
        minlength="8"
        maxlength="1024"
        required
        aria-describedby="password-form"
      />
      <p class="note after" id="password-form">At least 8 characters.</p>
      <label for="again">New password again</label>
      <input id="again" name="again" type="password" autocomplete="new-password" maxlength="1024" required />
      <button type="submit">Change password</button>
    </form>`
}
