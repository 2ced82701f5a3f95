/** A stand-in for Slack's `chat.postMessage`, as docs.slack.dev/reference/methods/chat.postMessage describes it. */
export interface Slack {
  /** As the API's base address. */
  url: string
  posted: { channel: string; text: string }[]
  /** Answers instead, where it returns something. */
  meddle: (request: Request) => Response | undefined
  stop(): Promise<void>
}

export function startSlack(options: { token: string; channels: string[] }): Slack {
  async function post(request: Request): Promise<Response> {
    const type = request.headers.get('content-type') ?? ''
    if (!/^application\/json(?:;|$)/.test(type)) return fail('invalid_post_type')
    const given = request.headers.get('authorization')
    if (given === null) return fail('not_authed')
    if (given !== `Bearer ${options.token}`) return fail('invalid_auth')
    const body = (await request.json().catch(() => undefined)) as Record<string, unknown> | undefined
    if (body === undefined) return fail('invalid_json')
    const { channel, text } = body
    if (typeof channel !== 'string' || !options.channels.includes(channel)) return fail('channel_not_found')
    if (typeof text !== 'string' || text === '') return fail('no_text')
    if (text.length > 40_000) return fail('msg_too_long')
    slack.posted.push({ channel, text })
    return Response.json({ ok: true, channel: 'C123ABC456', ts: '1503435956.000247', message: { text } })
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const instead = slack.meddle(request)
      if (instead) return instead
      const { pathname } = new URL(request.url)
      if (pathname !== '/api/chat.postMessage' || request.method !== 'POST') return fail('unknown_method')
      return post(request)
    },
  })
  const slack: Slack = {
    url: `http://127.0.0.1:${server.port}/api`,
    posted: [],
    meddle: () => undefined,
    stop: () => server.stop(true),
  }
  return slack
}

function fail(error: string): Response {
  return Response.json({ ok: false, error })
}
