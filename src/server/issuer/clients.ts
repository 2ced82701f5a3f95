/** A program that may ask for tokens. All are public: no client secret exists anywhere (S213, RFC 8252 §8.4). */
export interface PublicClient {
  id: string
  /** What the consent page calls it. */
  name: string
  redirectUris: readonly string[]
  /** Whether its access tokens come with a refresh token, and are therefore short-lived (ruling R6). */
  refresh: boolean
}

/** S214: the ports that the client tries, all of them registered. The literal address, never `localhost`. */
const LOOPBACK_PORTS = [8765, 8766, 8767, 8768, 8769] as const

export const FOB_CLI: PublicClient = {
  id: 'fob-cli',
  name: 'fob, the command line',
  redirectUris: LOOPBACK_PORTS.map((port) => `http://127.0.0.1:${port}/callback`),
  refresh: true,
}
