/** The pages that the OAuth protocol shows in a browser: an error, and the device flow's. */

/** A page, as `web/` renders it. */
export interface RenderedPage {
  html: string
  headers: Readonly<Record<string, string>>
}

/** What the provider shows in a browser when it cannot redirect the browser to a client. */
interface ProtocolError {
  /** RFC 6749's code, such as `invalid_client`. */
  error: string
  description: string | undefined
}

export type ErrorPage = (error: ProtocolError) => Promise<RenderedPage>

/** Why the code is asked for again. */
export type DeviceProblem = 'unknown' | 'expired' | 'used' | 'missing' | 'stale'

/** The pages of the device flow (RFC 8628), rendered by the code that opens the issuer. */
export interface DevicePages {
  /** @param userCode what was typed, or came in the link that the device showed */
  enterCode(view: {
    action: string
    xsrf: string
    userCode: string | undefined
    problem: DeviceProblem | undefined
  }): Promise<RenderedPage>
  confirmCode(view: {
    action: string
    xsrf: string
    userCode: string
    clientName: string
    /** Of the device that asked. */
    address: string
    /** By its own account. */
    program: string
  }): Promise<RenderedPage>
  done(view: { clientName: string }): Promise<RenderedPage>
  denied(): Promise<RenderedPage>
}
