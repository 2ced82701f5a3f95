/**
 * The least of a browser: follows redirects, keeps cookies by host, fills in and sends forms. What an
 * end-to-end test or the demo uses where Chromium is not the point.
 */
export interface Page {
  url: URL
  status: number
  html: string
}

export interface HttpBrowser {
  open(url: string): Promise<Page>
  /** The `Cookie` header that a request to `url` would have. */
  cookies(url: URL): string
  /** Follows the link that has `text` on it. */
  follow(page: Page, text: string): Promise<Page>
  /** Sends the page's form (the first one, or that of `button`) with its hidden fields, `fields`, and the button that has `button` on it, if any. */
  submit(page: Page, fields: Record<string, string>, button?: string): Promise<Page>
}

const MAX_REDIRECTS = 15

/** @param options.stopAt a redirect to an address that begins so is not followed, but is the page that comes back */
export function httpBrowser(options: { stopAt?: string } = {}): HttpBrowser {
  /** By host; a cookie is known by its name and its path. */
  const jars = new Map<string, Map<string, { name: string; value: string; path: string }>>()

  async function go(method: string, url: URL, body?: URLSearchParams): Promise<Page> {
    let [verb, target, form] = [method, url, body]
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await fetch(target, {
        method: verb,
        redirect: 'manual',
        headers: headersFor(target, form),
        ...(form === undefined ? {} : { body: form.toString() }),
      })
      keepCookies(target, response)
      const location = response.headers.get('location')
      if (location === null || response.status < 300 || response.status > 399) {
        return { url: target, status: response.status, html: await response.text() }
      }
      const next = new URL(location, target)
      if (options.stopAt !== undefined && next.href.startsWith(options.stopAt)) {
        return { url: next, status: response.status, html: '' }
      }
      // RFC 9110 §15.4.4: after 303 (and, in practice, 302) the next request is a GET.
      ;[verb, target, form] = ['GET', next, undefined]
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects`)
  }

  const cookiesFor = (url: URL): string =>
    [...(jars.get(url.host)?.values() ?? [])]
      .filter(({ path }) => url.pathname === path || url.pathname.startsWith(path.replace(/\/?$/, '/')))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')

  function headersFor(url: URL, form: URLSearchParams | undefined): Record<string, string> {
    const cookies = cookiesFor(url)
    return {
      accept: 'text/html',
      ...(cookies === '' ? {} : { cookie: cookies }),
      ...(form === undefined
        ? {}
        : {
            'content-type': 'application/x-www-form-urlencoded',
            origin: url.origin,
            'sec-fetch-site': 'same-origin',
          }),
    }
  }

  function keepCookies(url: URL, response: Response): void {
    const jar = jars.get(url.host) ?? new Map<string, { name: string; value: string; path: string }>()
    jars.set(url.host, jar)
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';')
      const equals = pair.indexOf('=')
      const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
      const path = /;\s*path=([^;]*)/i.exec(cookie)?.[1] ?? '/'
      if (value === '' || /;\s*max-age=0|expires=thu, 01 jan 1970/i.test(cookie)) jar.delete(name + path)
      else jar.set(name + path, { name, value, path })
    }
  }

  return {
    open: (url) => go('GET', new URL(url)),
    cookies: cookiesFor,
    follow(page, text) {
      const links = [...page.html.matchAll(/<a\b[^>]*>[\s\S]*?<\/a>/gi)].map(([tag]) => tag)
      const link = links.find((tag) => tag.includes(text))
      if (link === undefined) throw new Error(`no link "${text}" on ${page.url.pathname}`)
      return go('GET', new URL(attribute(link, 'href'), page.url))
    },
    submit(page, fields, button) {
      const forms = [...page.html.matchAll(/<form[^>]*>[\s\S]*?<\/form>/gi)].map(([text]) => text)
      const form = forms.find((text) => button !== undefined && text.includes(button)) ?? forms[0]
      if (form === undefined) throw new Error(`no form on ${page.url.pathname}: ${page.html.slice(0, 200)}`)
      const body = new URLSearchParams()
      for (const [tag] of form.matchAll(/<input[^>]*type="hidden"[^>]*>/gi)) {
        body.set(attribute(tag, 'name'), attribute(tag, 'value'))
      }
      for (const [name, value] of Object.entries(fields)) body.set(name, value)
      if (button !== undefined) {
        const tag = [...form.matchAll(/<button[^>]*>[\s\S]*?<\/button>/gi)].find(([text]) =>
          text.includes(button),
        )?.[0]
        if (tag === undefined) throw new Error(`no button "${button}" on ${page.url.pathname}`)
        if (attribute(tag, 'name') !== '') body.set(attribute(tag, 'name'), attribute(tag, 'value'))
      }
      const action = attribute(form, 'action')
      return go('POST', action === '' ? page.url : new URL(action, page.url), body)
    },
  }
}

function attribute(tag: string, name: string): string {
  const value = new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag)?.[1] ?? ''
  return value
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
