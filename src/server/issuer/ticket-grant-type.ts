/** The grant types that are this server's own. */

/** What the JSON API of logins gets its tokens by. Refused when a request from outside names it. */
export const TICKET_GRANT = 'urn:fob:params:oauth:grant-type:ticket'
