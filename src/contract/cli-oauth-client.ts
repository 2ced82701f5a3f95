/** The command line as an OAuth client: what the program sends and the server has registered for it. */

/** Its client ID, where a build or a user names no other. It is public: there is no secret (RFC 8252 §8.4). */
export const FOB_CLI_ID = 'fob-cli'

/** The ports at which its callback listener may stand, in the order in which it tries them. */
export const CALLBACK_PORTS = [8765, 8766, 8767, 8768, 8769] as const

export const CALLBACK_PATH = '/callback'

/** The literal address, never `localhost`, which a resolver could send elsewhere (RFC 8252 §8.3). */
export function callbackUri(port: number): string {
  return `http://127.0.0.1:${port}${CALLBACK_PATH}`
}

/** RFC 8628 §3.4. */
export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
