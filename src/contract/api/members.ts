/** The bodies of the routes for the members of a tenant, and for invitations to it. */
import * as v from 'valibot'

export const ROLES = ['admin', 'member', 'viewer'] as const
export type MemberRole = (typeof ROLES)[number]

const role = v.picklist(ROLES, 'role is admin, member or viewer')

/** `PUT /api/members/:who` */
export const putMemberBody = v.strictObject({ role: v.optional(role, 'member') })

/** One of `GET /api/members`: somebody who is a member, or becomes one at their first login (`pending`). */
export const memberResponse = v.looseObject({
  /** `usr_…`, or `pen_…` of somebody who has not logged in yet. */
  id: v.string(),
  /** How the person can be named: an e-mail, `github:LOGIN`, `PROVIDER:ID`. */
  person: v.string(),
  email: v.nullable(v.string()),
  name: v.nullable(v.string()),
  provider: v.nullable(v.string()),
  /** What the person is called at the provider. */
  login: v.nullable(v.string()),
  role: v.string(),
  pending: v.boolean(),
  since: v.string(),
  /** Until when a pending membership counts; null: it has no end. */
  expiresAt: v.nullable(v.string()),
  /** Whether the rule of the server lets the person in; null: that is not known before they log in. */
  admitted: v.nullable(v.boolean()),
})
export type MemberResponse = v.InferOutput<typeof memberResponse>

/** The response to `DELETE /api/members/:who`. `account`: the account was removed too, as it belonged nowhere else. */
export const removedMember = v.looseObject({
  id: v.string(),
  person: v.string(),
  pending: v.boolean(),
  account: v.boolean(),
})

const MIN_LIFE_SECONDS = 60
export const MAX_INVITATION_DAYS = 90
/** A week. */
const INVITATION_SECONDS = 7 * 86_400

/** `POST /api/invitations` */
export const createInvitationBody = v.strictObject({
  role: v.optional(role, 'member'),
  /** The only person who may accept it. */
  email: v.optional(v.pipe(v.string(), v.maxLength(254, 'email has at most 254 characters'))),
  /** Seconds. */
  expiresIn: v.optional(
    v.pipe(
      v.number(),
      v.integer('expiresIn is a whole number of seconds'),
      v.minValue(MIN_LIFE_SECONDS, 'an invitation lives at least a minute'),
      v.maxValue(MAX_INVITATION_DAYS * 86_400, `an invitation lives at most ${MAX_INVITATION_DAYS} days`),
    ),
    INVITATION_SECONDS,
  ),
})

/** One of `GET /api/invitations`: those that can still be accepted. */
export const invitationResponse = v.looseObject({
  id: v.string(),
  role: v.string(),
  email: v.nullable(v.string()),
  createdBy: v.string(),
  createdAt: v.string(),
  expiresAt: v.string(),
})
export type InvitationResponse = v.InferOutput<typeof invitationResponse>

/** Only in the response to its creation: the link, whose fragment is the secret. */
export const createdInvitation = v.looseObject({ ...invitationResponse.entries, url: v.string() })
