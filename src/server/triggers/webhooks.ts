/** Webhooks: set, authenticated, and delivered to runs. */
import { randomBytes } from 'node:crypto'
import { and, eq } from 'drizzle-orm'
import type { WebhookProvider } from '../../contract/api/webhooks.ts'
import type { Clock } from '../../platform/clock.ts'
import { Secret } from '../../redact/secret.ts'
import type { Db } from '../db/open-database.ts'
import { pipelines, tenants } from '../db/schema.ts'
import type { HttpResponse, HttpRequest } from '../runs/execution/webhook-exchange-calls.ts'
import type { Runs } from '../runs/runs.ts'
import type { SecretPlace, Vault } from '../vault/vault-interface.ts'
import { openDeliveries } from './webhook-deliveries.ts'
import { checkDelivery, type DeliveryId, requireKey, type WebhookCall } from './webhook-signatures.ts'

type Pipeline = typeof pipelines.$inferSelect

/** A request that was made by who holds the secret of the pipeline's webhook. */
export interface Delivered {
  pipeline: Pipeline
  tenant: { id: string; slug: string }
  delivery: DeliveryId
}

export interface Webhooks {
  /**
   * Gives a pipeline a webhook, or replaces it.
   * @throws Fault `config` when the server has no passphrase for its secrets, `usage` for a secret that is not a key
   */
  set(pipeline: Pipeline, provider: WebhookProvider, secret: Secret): Promise<void>
  /** False when there was none. */
  unset(pipeline: Pipeline): Promise<boolean>
  /**
   * `not_found`: no pipeline of this name has a webhook in this tenant, or there is no such tenant. Found out in
   * the same steps, and the same time, as that a signature is wrong.
   */
  authenticate(place: WebhookPlace, call: WebhookCall): Promise<Delivered | 'not_found' | 'refused'>
  /**
   * Starts a run, once for each delivery.
   * @returns `answer`: what the script answers with `http.respond`; undefined when it has ended, or has had its
   * time, without. Only the first of a delivery's requests is answered by the script.
   * @throws Fault as `Runs.start`
   */
  deliver(delivered: Delivered, request: HttpRequest, signal: AbortSignal): Promise<Delivery>
  purgeExpired(): Promise<void>
}

interface WebhookPlace {
  /** Null: the default one. */
  tenantSlug: string | null
  pipelineName: string
}

interface Delivery {
  runId: string
  /** It came before. */
  isAgain: boolean
  answer: Promise<HttpResponse | undefined>
}

export interface WebhooksOptions {
  db: Db
  clock: Clock
  vault: Vault
  runs: Runs
  defaultTenant: { id: string; slug: string }
}

/** In the pipeline's own scope, so that it goes with it; no run is ever given a key with this prefix. */
const SECRET_KEY = 'FOB_WEBHOOK_SECRET'
/** Of what a sender calls a delivery, so much is recorded with the run. */
const MAX_DELIVERY_NAME = 200
/** GitHub and GitLab give up after 10 s, and then deliver again. */
const ANSWER_WITHIN_MS = 8000

export function openWebhooks({ db, clock, vault, runs, defaultTenant }: WebhooksOptions): Webhooks {
  const isRun = async (tenantId: string, id: string) => (await runs.get(tenantId, id)) !== undefined
  const deliveries = openDeliveries({ db, clock, isRun })
  /** Of no pipeline. */
  const nobodys = new Secret(randomBytes(32).toString('hex'))

  async function find({ tenantSlug, pipelineName }: WebhookPlace) {
    const [found] = await db
      .select({ pipeline: pipelines, tenant: { id: tenants.id, slug: tenants.slug } })
      .from(pipelines)
      .innerJoin(tenants, eq(tenants.id, pipelines.tenantId))
      .where(and(eq(tenants.slug, tenantSlug ?? defaultTenant.slug), eq(pipelines.name, pipelineName)))
    return found
  }

  const authenticate: Webhooks['authenticate'] = async (place, call) => {
    const found = await find(place)
    const provider = found?.pipeline.webhook ?? undefined
    const nowhere = { tenantId: defaultTenant.id, id: 'none' }
    const secret = await vault.get(secretPlace(found?.pipeline ?? nowhere))
    // Checked in any case, so that the time does not tell what is there.
    const delivery = await checkDelivery(provider ?? 'github', call, secret ?? nobodys, clock.now())
    if (found === undefined || provider === undefined || secret === undefined) return 'not_found'
    return delivery === undefined ? 'refused' : { ...found, delivery }
  }

  const deliver: Webhooks['deliver'] = async ({ pipeline, delivery }, request, signal) => {
    const { tenantId, id: pipelineId } = pipeline
    const answered = Promise.withResolvers<HttpResponse | undefined>()
    const start = (runId: string) =>
      runs.start({
        runId,
        tenantId,
        pipeline,
        args: [],
        task: undefined,
        triggeredBy: 'webhook',
        origin: {
          kind: 'webhook',
          provider: pipeline.webhook ?? 'generic',
          delivery: delivery.name?.slice(0, MAX_DELIVERY_NAME) ?? null,
        },
        request,
        exchange: { respond: answered.resolve, ended: () => answered.resolve(undefined) },
      })
    const { runId, isFirst } = await deliveries.once({ ...delivery, tenantId, pipelineId }, start)
    // What does not speak of it cannot answer, and nobody needs to wait for it.
    if (!isFirst || !/\brespond\b/.test(pipeline.source)) answered.resolve(undefined)
    return { runId, isAgain: !isFirst, answer: within(answered.promise, clock, signal) }
  }

  return {
    authenticate,
    deliver,
    purgeExpired: () => deliveries.purgeExpired(),
    async set(pipeline, webhook, secret) {
      requireKey(webhook, secret)
      await vault.set(secretPlace(pipeline), secret)
      await db.update(pipelines).set({ webhook }).where(eq(pipelines.id, pipeline.id))
    },
    async unset(pipeline) {
      await db.update(pipelines).set({ webhook: null }).where(eq(pipelines.id, pipeline.id))
      await vault.remove(secretPlace(pipeline))
      return pipeline.webhook !== null
    },
  }
}

function secretPlace({ tenantId, id }: { tenantId: string; id: string }): SecretPlace {
  return { tenantId, scope: `pipeline/${id}`, key: SECRET_KEY }
}

/** What comes of `answer`, for so long and while somebody waits for it. */
async function within<T>(answer: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T | undefined> {
  const enough = new AbortController()
  const time = clock.sleep(ANSWER_WITHIN_MS, AbortSignal.any([signal, enough.signal])).catch(() => {})
  try {
    return (await Promise.race([answer, time])) ?? undefined
  } finally {
    enough.abort()
  }
}
