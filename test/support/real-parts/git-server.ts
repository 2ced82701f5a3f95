/** Git repositories to fetch from and push to, by path and over HTTP. */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '../temporary.ts'

/** A bare repository to make commits in. */
export interface GitRepository {
  /** The folder that holds `repo.git`. */
  root: string
  path: string
  /** Commits files, by path, to a branch (`main`). @returns the commit */
  commit(files: Readonly<Record<string, string>>, options?: { branch?: string; message?: string }): string
  /** Runs git in the bare repository. */
  git(...args: string[]): string
  /** Puts the branch back, as somebody does who rewrites history. */
  rewind(commit: string): void
}

const IDENTITY = {
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
}

/** Git as a person has it, with no settings of this machine's. */
export function git(cwd: string, ...args: string[]): string {
  const env = { PATH: process.env.PATH ?? '', HOME: cwd, ...IDENTITY }
  const { exitCode, stdout, stderr } = Bun.spawnSync({ cmd: ['git', ...args], cwd, env })
  if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`)
  return stdout.toString().trim()
}

/** Commits are written straight into the bare repository: one process of git for each, and none for a clone. */
export function createRepository(root = temporaryFolder(), name = 'repo'): GitRepository {
  const path = join(root, `${name}.git`)
  cpSync(emptyRepository(), path, { recursive: true })
  let last: string | undefined
  const commit: GitRepository['commit'] = (files, { branch = 'main', message = 'Change' } = {}) => {
    const parent = tipOf(path, branch) ?? last
    last = fastImport(path, { branch, parent, message, files })
    return last
  }
  return {
    root,
    path,
    commit,
    git: (...args) => git(path, ...args),
    rewind: (commit) => void git(path, 'update-ref', 'refs/heads/main', commit),
  }
}

let empty: string | undefined

/** A bare repository without commits, made once to be copied. */
function emptyRepository(): string {
  if (empty === undefined || !existsSync(empty)) {
    empty = join(temporaryFolder(), 'empty.git')
    git(dirname(empty), 'init', '-q', '--bare', '--template=', '--initial-branch=main', empty)
    git(empty, 'config', 'http.receivepack', 'true')
  }
  return empty
}

/** A branch that git has not packed is a file. */
function tipOf(path: string, branch: string): string | undefined {
  const file = join(path, 'refs/heads', branch)
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const line = existsSync(join(path, 'packed-refs')) ? readFileSync(join(path, 'packed-refs'), 'utf8') : ''
  return new RegExp(`^([0-9a-f]{40}) refs/heads/${branch}$`, 'm').exec(line)?.[1]
}

interface NewCommit {
  branch: string
  parent: string | undefined
  message: string
  files: Readonly<Record<string, string>>
}

const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`

/** git-fast-import(1). @returns the commit */
function fastImport(path: string, { branch, parent, message, files }: NewCommit): string {
  const now = Math.trunc(Date.now() / 1000)
  const stream = [
    'feature done\n',
    `commit refs/heads/${branch}\n`,
    'mark :1\n',
    `committer ${IDENTITY.GIT_COMMITTER_NAME} <${IDENTITY.GIT_COMMITTER_EMAIL}> ${now} +0000\n`,
    data(`${message}\n`),
    ...(parent === undefined ? [] : [`from ${parent}\n`]),
    ...Object.entries(files).map(([file, text]) => `M 100644 inline ${JSON.stringify(file)}\n${data(text)}`),
    'get-mark :1\n',
    'done\n',
  ]
  const env = { PATH: process.env.PATH ?? '', HOME: path, ...IDENTITY }
  const cmd = ['git', '-c', 'fastimport.unpackLimit=0', 'fast-import', '--quiet']
  const { exitCode, stdout, stderr } = Bun.spawnSync({
    cmd,
    cwd: path,
    env,
    stdin: Buffer.from(stream.join('')),
  })
  if (exitCode !== 0) throw new Error(`git fast-import: ${stderr.toString()}`)
  return stdout.toString().trim()
}

export interface GitHttpServer {
  url: string
  /** Called at each request, before it is answered; what it returns is the answer instead. */
  meddle: (request: Request) => Response | undefined
  stop(): Promise<void>
}

/** Git's own `http-backend`, behind Basic authentication where there is a login: what a forge does. */
export function startGitHttp(root: string, login?: { username: string; password: string }): GitHttpServer {
  const wanted = login && `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const instead = state.meddle(request)
      if (instead) return instead
      if (wanted !== undefined && request.headers.get('authorization') !== wanted) {
        return new Response('no', { status: 401, headers: { 'www-authenticate': 'Basic realm="git"' } })
      }
      return await backend(root, request, login?.username)
    },
  })
  const state: GitHttpServer = {
    url: `http://127.0.0.1:${server.port}`,
    meddle: () => undefined,
    stop: () => server.stop(true),
  }
  return state
}

let program: string | undefined

/** Git's own program, without the `git` that would only start it. */
function httpBackend(): string {
  program ??= join(git('/', '--exec-path'), 'git-http-backend')
  return program
}

/** RFC 3875. */
async function backend(root: string, request: Request, user = 'nobody'): Promise<Response> {
  const { pathname, search } = new URL(request.url)
  const child = Bun.spawn({
    cmd: [httpBackend()],
    env: {
      PATH: process.env.PATH ?? '',
      ...IDENTITY,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: user,
      REQUEST_METHOD: request.method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers.get('content-type') ?? '',
      HTTP_CONTENT_ENCODING: request.headers.get('content-encoding') ?? '',
      HTTP_GIT_PROTOCOL: request.headers.get('git-protocol') ?? '',
    },
    stdin: new Uint8Array(await request.arrayBuffer()),
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const output = Buffer.from(await new Response(child.stdout).arrayBuffer())
  const end = output.indexOf('\r\n\r\n')
  const headers = new Headers()
  for (const line of output.toString('latin1', 0, end).split('\r\n')) {
    const [name = '', value = ''] = line.split(/: (.*)/s)
    headers.append(name, value)
  }
  const status = Number(headers.get('status')?.split(' ')[0] ?? 200)
  headers.delete('status')
  return new Response(output.subarray(end + 4), { status, headers })
}
