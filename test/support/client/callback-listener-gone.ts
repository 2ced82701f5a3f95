/** Checks that the listener of a login has left its port, which another login may have taken since. */

/** @param authorizeUrl the address that the login sent its browser to */
export async function isCallbackListenerGone(authorizeUrl: URL): Promise<boolean> {
  const callback = new URL(authorizeUrl.searchParams.get('redirect_uri') ?? '')
  callback.searchParams.set('state', authorizeUrl.searchParams.get('state') ?? '')
  callback.searchParams.set('error', 'access_denied')
  const response = await fetch(callback).catch(() => undefined)
  // The state is that of one login alone: the listener of any other refuses it.
  return response === undefined || (await response.text()).includes('to the login that is waiting')
}
