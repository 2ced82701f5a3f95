/** A stand-in for a webhook of Microsoft Teams. */
import * as v from 'valibot'

/** A webhook of Teams' Workflows app: takes a message with Adaptive Cards, and nothing else. */
export interface Teams {
  /** With its secret. */
  webhook: string
  texts: string[]
  meddle: (request: Request) => Response | undefined
  stop(): Promise<void>
}

/** learn.microsoft.com, "Create incoming webhooks with Workflows": the body it expects. */
const message = v.object({
  type: v.literal('message'),
  attachments: v.tuple([
    v.object({
      contentType: v.literal('application/vnd.microsoft.card.adaptive'),
      contentUrl: v.null(),
      content: v.object({
        $schema: v.literal('http://adaptivecards.io/schemas/adaptive-card.json'),
        type: v.literal('AdaptiveCard'),
        version: v.pipe(v.string(), v.regex(/^1\.[0-5]$/)),
        body: v.tuple([
          v.object({
            type: v.literal('TextBlock'),
            text: v.pipe(v.string(), v.nonEmpty()),
            wrap: v.boolean(),
          }),
        ]),
      }),
    }),
  ]),
})

export function startTeams(): Teams {
  const path = '/workflows/0a1b2c/triggers/manual/paths/invoke'
  const query = '?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sig=s1gnatureOfTheHook'
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const instead = teams.meddle(request)
      if (instead) return instead
      const url = new URL(request.url)
      if (url.pathname + url.search !== path + query) return new Response('no', { status: 401 })
      if (request.method !== 'POST') return new Response('no', { status: 405 })
      const text = await request.text()
      if (Buffer.byteLength(text) > 28 * 1024) return new Response('too large', { status: 413 })
      const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), message), text)
      if (!parsed.success)
        return Response.json({ error: { code: 'TriggerInputSchemaMismatch' } }, { status: 400 })
      teams.texts.push(parsed.output.attachments[0].content.body[0].text)
      return new Response(null, { status: 202 })
    },
  })
  const teams: Teams = {
    webhook: `http://127.0.0.1:${server.port}${path}${query}`,
    texts: [],
    meddle: () => undefined,
    stop: () => server.stop(true),
  }
  return teams
}
