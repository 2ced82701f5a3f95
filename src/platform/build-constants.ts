/** What `scripts/build` bakes in with `--define`; the fallbacks hold when the source is run as it is. */
declare const FOB_VERSION: string | undefined
declare const FOB_DEFAULT_CLIENT_ID: string | undefined

export const VERSION: string = typeof FOB_VERSION === 'string' ? FOB_VERSION : '0.0.0-source'

/** The OAuth client ID of this build, for where neither `--client-id` nor `FOB_CLIENT_ID` names one. */
export const DEFAULT_CLIENT_ID: string | undefined =
  typeof FOB_DEFAULT_CLIENT_ID === 'string' ? FOB_DEFAULT_CLIENT_ID : undefined
