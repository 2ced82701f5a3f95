import { renderMessage } from '../../web/login-and-message-templates.ts'
import type { HttpError } from '../response.ts'
import type { Call } from '../call.ts'

/** Answered in JSON to everybody: that is what their callers read. */
const FOR_PROGRAMS = /^\/(?:api|oauth|mcp|assets|\.well-known|health)(?:\/|$)/

/** Whether a person is looking: a browser asks for a page by name, and for one of our pages. */
export function wantsPage({ request, path }: Pick<Call, 'request' | 'path'>): boolean {
  return !FOR_PROGRAMS.test(path) && (request.headers.get('accept') ?? '').includes('text/html')
}

const TITLES: Readonly<Record<number, string>> = {
  403: 'That is not allowed',
  404: 'There is no such page',
  429: 'Too many requests',
  500: 'The server failed',
  503: 'The server is not ready',
}

/** What a program would read in JSON, for a person. @param host our own, where it is known */
export async function errorPage({ status, message, headers }: HttpError, host?: string): Promise<Response> {
  const page = await renderMessage({
    title: TITLES[status] ?? 'That is not possible',
    text: `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`,
    link: { text: 'To the start', href: '/' },
    host,
  })
  return new Response(page.html, { status, headers: { ...page.headers, ...headers } })
}
