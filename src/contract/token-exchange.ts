/** Token exchange (RFC 8693), by which a JWT of a trusted issuer becomes a token of the server. */

export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
