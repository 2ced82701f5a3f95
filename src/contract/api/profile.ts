/** The response of `GET /api/v1/profile`. */

/**
 * `GET /api/v1/profile`: who the presented credential belongs to. The token check of every login. What our
 * server responds with; a client reads less of it, because other servers have this route as well.
 */
export interface ProfileResponse {
  id: string
  email: string | null
  name: string | null
  nickName: string | null
  provider: string
  role: string
  tenant: string
  scopes: string[]
}
