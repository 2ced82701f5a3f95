/** A stand-in for GitHub. */
import { createHash, randomBytes } from 'node:crypto'
import {
  newBehaviour,
  obstacle,
  type RotatingTokens,
  rotatingTokens,
  type StandIn,
} from './stand-in-behaviour.ts'

/**
 * GitHub Enterprise Server, as far as a login sees it: the shapes, status codes and errors of GitHub's
 * documentation ("Authorizing OAuth apps", "Troubleshooting OAuth app access token request errors",
 * REST API 2022-11-28 "Users", "Emails", "Organizations", "Using pagination").
 */
export interface GithubPerson {
  id: number
  login: string
  name: string | null
  emails: { email: string; primary: boolean; verified: boolean; visibility: string | null }[]
  organizations: string[]
}

export interface Github extends StandIn {
  person: GithubPerson
  /** Organizations on one page: `per_page` above it is cut, as GitHub cuts at 100. */
  pageSize: number
  /** Tokens that work. */
  tokens: RotatingTokens
  /** A GitHub App, or an app that opted in: tokens live for eight hours and come with a refresh token. */
  expiring: boolean
  /** Where `next` points instead. */
  nextPage: string | undefined
}

const OCTOCAT: GithubPerson = {
  id: 583231,
  login: 'octocat',
  name: 'The Octocat',
  emails: [
    { email: 'octocat@users.noreply.github.com', primary: false, verified: true, visibility: null },
    { email: 'octocat@example.com', primary: true, verified: true, visibility: 'public' },
  ],
  organizations: ['github', 'myorg'],
}

const DOCS = 'https://docs.github.com/apps/managing-oauth-apps'

// Errors come with status 200.
const tokenError = (error: string, description: string) =>
  Response.json({ error, error_description: description, error_uri: `${DOCS}/troubleshooting#${error}` })

/** @param callback the app's registered callback address: a request may name it or a path below it */
export function startGithub(callback: string): Github {
  const codes = new Map<string, { challenge: string; redirectUri: string }>()
  const state: Omit<Github, 'url' | 'stop'> = {
    clientId: 'Iv1.8a61f9b3a7aba766',
    clientSecret: `github-${randomBytes(16).toString('hex')}`,
    behaviour: newBehaviour(),
    requests: [],
    authorizations: [],
    person: structuredClone(OCTOCAT),
    pageSize: 100,
    tokens: rotatingTokens(),
    expiring: false,
    nextPage: undefined,
  }

  const authorize = (query: URLSearchParams): Response => {
    state.authorizations.push(query)
    if (query.get('client_id') !== state.clientId) return new Response('Not Found', { status: 404 })
    const asked = query.get('redirect_uri') ?? callback
    const back = new URL(asked === callback || asked.startsWith(`${callback}/`) ? asked : callback)
    const { consent, state: other } = state.behaviour
    if (back.href !== asked) {
      back.searchParams.set('error', 'redirect_uri_mismatch')
      back.searchParams.set(
        'error_description',
        'The redirect_uri MUST match the registered callback URL for this application.',
      )
    } else if (consent === 'deny') {
      back.searchParams.set('error', 'access_denied')
      back.searchParams.set('error_description', 'The user has denied your application access.')
      back.searchParams.set(
        'error_uri',
        `${DOCS}/troubleshooting-authorization-request-errors/#access-denied`,
      )
    } else {
      const code = randomBytes(10).toString('hex')
      codes.set(code, { challenge: query.get('code_challenge') ?? '', redirectUri: asked })
      back.searchParams.set('code', code)
    }
    back.searchParams.set('state', other ?? query.get('state') ?? '')
    return new Response(null, { status: 302, headers: { location: back.href } })
  }

  const exchange = (form: URLSearchParams, accept: string): Response => {
    if (form.get('client_id') !== state.clientId || form.get('client_secret') !== state.clientSecret) {
      return tokenError(
        'incorrect_client_credentials',
        'The client_id and/or client_secret passed are incorrect.',
      )
    }
    if (form.get('grant_type') === 'refresh_token') {
      const rotated = state.tokens.rotate(form.get('refresh_token') ?? '', 'ghu_')
      return rotated
        ? tokenResponse(rotated, accept)
        : tokenError('bad_refresh_token', 'The refresh token passed is incorrect or expired.')
    }
    const found = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (!found || state.behaviour.codesExpired || found.challenge !== challenge) {
      return tokenError('bad_verification_code', 'The code passed is incorrect or expired.')
    }
    if (form.get('redirect_uri') !== found.redirectUri) {
      return tokenError('redirect_uri_mismatch', 'The redirect_uri MUST match the registered callback URL.')
    }
    return tokenResponse(state.tokens.issue(state.expiring ? 'ghu_' : 'gho_'), accept)
  }

  const tokenResponse = (
    { access, refresh }: { access: string; refresh: string },
    accept: string,
  ): Response => {
    const body = {
      access_token: access,
      scope: 'read:org,read:user,user:email',
      token_type: 'bearer',
      ...(state.expiring
        ? { expires_in: '28800', refresh_token: refresh, refresh_token_expires_in: '15897600' }
        : {}),
    }
    return accept.includes('json')
      ? Response.json({ ...body, ...(state.expiring ? { expires_in: 28_800 } : {}) })
      : new Response(new URLSearchParams(body).toString())
  }

  const api = (request: Request, url: URL): Response => {
    if (request.headers.get('user-agent') === null) {
      return new Response('Request forbidden by administrative rules.', { status: 403 })
    }
    const token = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? ''
    if (!state.tokens.access.has(token)) {
      return Response.json(
        { message: 'Bad credentials', documentation_url: 'x', status: '401' },
        { status: 401 },
      )
    }
    const { id, login, name, emails, organizations } = state.person
    switch (url.pathname.replace('/api/v3', '')) {
      case '/user':
        return Response.json({
          login,
          id,
          node_id: 'MDQ6VXNlcjE=',
          avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
          type: 'User',
          site_admin: false,
          name,
          // The public profile's: chosen by the person, and null for most.
          email: null,
          two_factor_authentication: true,
        })
      case '/user/emails':
        return Response.json(emails)
      case '/user/orgs':
        return paged(url, organizations)
      default:
        return Response.json({ message: 'Not Found', status: '404' }, { status: 404 })
    }
  }

  const paged = (url: URL, names: readonly string[]): Response => {
    const size = Math.min(Number(url.searchParams.get('per_page') ?? 30), state.pageSize)
    const page = Number(url.searchParams.get('page') ?? 1)
    const last = Math.max(1, Math.ceil(names.length / size))
    const at = (n: number) => `${url.origin}${url.pathname}?per_page=${size}&page=${n}`
    const next = state.nextPage ?? at(page + 1)
    const link = page < last ? `<${next}>; rel="next", <${at(last)}>; rel="last"` : `<${at(1)}>; rel="first"`
    const body = names
      .slice((page - 1) * size, page * size)
      .map((login, index) => ({ login, id: index + 1, url: `${url.origin}/api/v3/orgs/${login}` }))
    return Response.json(body, { headers: last > 1 ? { link } : {} })
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: async (request) => {
      const url = new URL(request.url)
      state.requests.push(`${request.method} ${url.pathname}`)
      const blocked = await obstacle(state.behaviour, request)
      if (blocked) return blocked
      if (url.pathname === '/login/oauth/authorize') return authorize(url.searchParams)
      if (url.pathname === '/login/oauth/access_token' && request.method === 'POST') {
        const form = new URLSearchParams(await request.text())
        return exchange(form, request.headers.get('accept') ?? '')
      }
      if (url.pathname.startsWith('/api/v3/')) return api(request, url)
      return new Response('Not Found', { status: 404 })
    },
  })
  return Object.assign(state, {
    url: `http://127.0.0.1:${server.port}`,
    stop: () => server.stop(true),
  })
}
