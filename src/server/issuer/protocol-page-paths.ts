/** The paths of pages that the protocol leads a browser to. */

/** Where a person types the code that another device shows (RFC 8628). */
export const DEVICE_PATH = '/auth/device'

/** Where a login to our own pages ends. */
export const PAGES_RETURN = '/auth/return'
