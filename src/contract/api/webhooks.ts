/** The bodies of `/api/pipelines/:name/webhook`. */
import * as v from 'valibot'

/** How the sender of a webhook is verified: in the way of GitHub or GitLab, or by requests signed as in docs/signing.md. */
export const WEBHOOK_PROVIDERS = ['github', 'gitlab', 'generic'] as const
export type WebhookProvider = (typeof WEBHOOK_PROVIDERS)[number]
/** A shorter secret could be guessed from a single signed request. */
const MIN_WEBHOOK_SECRET_BYTES = 16

/** `PUT /api/pipelines/:name/webhook`; without a secret, the server creates one. */
export const putWebhookBody = v.strictObject({
  provider: v.picklist(WEBHOOK_PROVIDERS),
  secret: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[!-~]*$/, 'the secret of a webhook is printable ASCII without spaces'),
      v.minLength(
        MIN_WEBHOOK_SECRET_BYTES,
        `the secret of a webhook has ${MIN_WEBHOOK_SECRET_BYTES} characters or more`,
      ),
      v.maxLength(1024, 'the secret of a webhook has at most 1024 characters'),
    ),
  ),
})

export const webhookResponse = v.looseObject({
  provider: v.string(),
  /** Where the sender sends to. */
  url: v.string(),
  /** Only in the response that created it. */
  secret: v.optional(v.string()),
})
export type WebhookResponse = v.InferOutput<typeof webhookResponse>
