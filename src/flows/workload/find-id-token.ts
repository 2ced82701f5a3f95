/** Where the ID token of a job is: at GitHub's endpoint, in a variable as in GitLab CI, or in a file as in Kubernetes. */
import { Fault } from '../../contract/fault.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { safeLine } from '../../platform/terminal/make-text-printable.ts'
import { Secret } from '../../redact/secret.ts'

/** The kinds of jobs, by how they get their ID token; `gitlab` stands for every CI system that has it in a variable. */
export type WorkloadKind = IdTokenSource['kind']

/** A job whose identity was named, such as by `--workload`. */
export type Workload = { kind: 'github' } | { kind: 'gitlab' } | { kind: 'file'; path: string }

/** How the ID token of a job is obtained. */
export type IdTokenSource =
  /** An endpoint that issues one for any audience. */
  | { kind: 'github'; requestUrl: string; requestToken: Secret }
  | { kind: 'gitlab'; idToken: Secret }
  /** Replaced from time to time, so it is read when it is needed. */
  | { kind: 'file'; path: string }

/** What a job has to have, for the hint of an error. @param audience what its ID token has to be for */
export function howToGetOne(kind: WorkloadKind, audience: string): string {
  if (kind === 'github') return 'give the job "permissions: id-token: write"'
  if (kind === 'gitlab') return `give the job "id_tokens: FOB_ID_TOKEN: aud: ${audience}"`
  return `mount a service account token with the audience ${audience}, and name it in FOB_ID_TOKEN_FILE`
}

/** The audience that ID tokens for this server have: `FOB_ID_TOKEN_AUDIENCE`, else its address. */
export function audienceFor(server: string, env: Env): string {
  return env.FOB_ID_TOKEN_AUDIENCE || server
}

/**
 * The ID token that a job offers without anybody having asked for it; an empty variable counts, and is an error once
 * the token is needed. `FOB_ID_TOKEN` comes before `FOB_ID_TOKEN_FILE`, and both before GitHub's endpoint.
 */
export function offeredIdToken(env: Env): IdTokenSource | undefined {
  if (env.FOB_ID_TOKEN !== undefined) return { kind: 'gitlab', idToken: new Secret(env.FOB_ID_TOKEN) }
  if (env.FOB_ID_TOKEN_FILE !== undefined) return { kind: 'file', path: env.FOB_ID_TOKEN_FILE }
  return ofGitHub(env)
}

/**
 * The ID token of a job whose kind was named; undefined: the one that is offered.
 * @throws Fault `unauthenticated` where there is none
 */
export function namedIdToken(workload: Workload | undefined, env: Env, audience: string): IdTokenSource {
  const source = workload === undefined ? offeredIdToken(env) : sourceOf(workload, env)
  if (source !== undefined) return source
  if (workload !== undefined) throw noIdToken(workload.kind, audience)
  throw new Fault('unauthenticated', 'no ID token of a job is here', {
    hint: `in GitHub Actions, ${howToGetOne('github', audience)}; in GitLab, ${howToGetOne('gitlab', audience)}`,
  })
}

/** What messages call it. */
export function idTokenName(source: IdTokenSource): string {
  if (source.kind === 'github') return 'the ID token of GitHub Actions'
  return source.kind === 'gitlab'
    ? 'the ID token in FOB_ID_TOKEN'
    : `the ID token in ${safeLine(source.path) || 'FOB_ID_TOKEN_FILE'}`
}

function sourceOf(workload: Workload, env: Env): IdTokenSource | undefined {
  if (workload.kind === 'file') return workload
  if (workload.kind === 'github') return ofGitHub(env)
  const { FOB_ID_TOKEN: idToken } = env
  return idToken === undefined ? undefined : { kind: 'gitlab', idToken: new Secret(idToken) }
}

function ofGitHub(env: Env): IdTokenSource | undefined {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: requestUrl, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = env
  if (!requestUrl || !token) return undefined
  return { kind: 'github', requestUrl, requestToken: new Secret(token) }
}

function noIdToken(kind: WorkloadKind, audience: string): Fault {
  const facts = {
    github: 'this job cannot get an ID token of GitHub Actions: ACTIONS_ID_TOKEN_REQUEST_URL is not set',
    gitlab: 'this job has no ID token: FOB_ID_TOKEN is not set',
    file: 'this job has no ID token: FOB_ID_TOKEN_FILE is not set',
  }
  return new Fault('unauthenticated', facts[kind], { hint: howToGetOne(kind, audience) })
}
