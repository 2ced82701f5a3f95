/** Error responses of the OAuth endpoints. */
/** An error as RFC 6749 §5.2 has it. @param description for people; it names no value that was sent */
export function oauthError(
  status: number,
  error: string,
  headers: Record<string, string> = {},
  description?: string,
): Response {
  const body = description === undefined ? { error } : { error, error_description: description }
  return Response.json(body, { status, headers: { 'cache-control': 'no-store', ...headers } })
}
