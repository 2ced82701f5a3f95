/** Errors as pages, where a person reads them. */
import { renderMessage } from '../../web/login-consent-and-message-templates.ts'
import type { HttpError } from './http-error.ts'
import type { Call } from '../request-context.ts'
import { pageResponse, sentence } from './page-response.ts'

/** Paths whose errors are always JSON, because programs call them. */
const FOR_PROGRAMS = /^\/(?:api|oauth|mcp|assets|\.well-known|health|metrics)(?:\/|$)/

/** Whether a person reads the response: the path is a page, and a browser asks for one. */
export function wantsPage({ request, path }: Pick<Call, 'request' | 'path'>): boolean {
  return !FOR_PROGRAMS.test(path) && (request.headers.get('accept') ?? '').includes('text/html')
}

const TITLES: Readonly<Record<number, string>> = {
  403: 'That is not allowed',
  404: 'There is no such page',
  429: 'Too many requests',
  500: 'The server failed',
  503: 'The server is not ready',
  507: 'The server has no room left',
}

/** The error as a page, for a person. @param host the server's own, where it is known */
export async function errorPage({ status, message, headers }: HttpError, host?: string): Promise<Response> {
  const page = await renderMessage({
    title: TITLES[status] ?? 'That is not possible',
    text: sentence(message),
    link: { text: 'To the start', href: '/' },
    host,
  })
  return pageResponse(page, status, headers)
}
