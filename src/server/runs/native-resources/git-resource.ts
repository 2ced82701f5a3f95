/** The native resource `git`: check for commits, fetch one into a volume, push from a volume. */
import { join } from 'node:path'
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import { type Git, openGit } from './git-process.ts'
import { pushable } from './copy-repository-for-push.ts'
import { type GitSource, isRefName, readGitSource, refName } from './git-source.ts'
import { parse } from '../parse-host-call-fields.ts'
import type { Outcome, Outside, Resource, Version, Workplace } from './resource-interface.ts'

/** The most versions of one check; older ones are left out. */
const MAX_VERSIONS = 1000
const HASH = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/

const fetchParams = v.strictObject({
  /** How many commits of the history; absent: all. */
  depth: v.optional(v.pipe(v.number(), v.integer('is not a whole number'), v.minValue(1, 'is under 1'))),
  submodules: v.optional(v.boolean(), false),
})
const pushParams = v.strictObject({
  branch: v.optional(refName),
  force: v.optional(v.boolean(), false),
  rebase: v.optional(v.boolean(), false),
})

/** A branch of a git repository; a version is `{ ref: COMMIT }`. */
export function createGitResource({ env, network, reach }: Outside): Resource {
  const open = (asked: { source: unknown }, { scratch, signal }: Workplace) => {
    const source = readGitSource(asked.source, network)
    return openGit({ source, scratch, signal, env, reach }).then((git) => ({ git, source }))
  }

  return {
    async check({ since, ...asked }, at) {
      parse(v.strictObject({}), asked.params, 'params.')
      const { git, source } = await open(asked, at)
      const packets = join(at.scratch, 'packets')
      const { branch, tip } = await findBranch(git, source, at.scratch, { GIT_TRACE_PACKET: packets })
      const from = since?.ref
      if (from === undefined || !HASH.test(from)) return [{ ref: tip }]
      if (from === tip) return [{ ref: tip }]
      const canFilter = await offersFilter(packets)
      return await history({ git, source, branch, from, tip, canFilter }, at.scratch)
    },

    async fetch({ version, ...asked }, folder, at) {
      const params = parse(fetchParams, asked.params, 'params.')
      const { git, source } = await open(asked, at)
      const { branch, tip } = await findBranch(git, source, at.scratch)
      const ref = await findCommit({ git, source, version, tip }, at.scratch)
      await git.local(folder, ['init', '-q', '--template=', `--initial-branch=${branch}`, formatOf(ref), '.'])
      await git.local(folder, ['remote', 'add', '--', 'origin', source.url])
      await fetchCommit(git, folder, { branch, ref, depth: params.depth })
      await git.local(folder, ['checkout', '-q', '-B', branch, ref, '--'])
      if (params.submodules) {
        await git.remote(folder, ['submodule', '--quiet', 'update', '--init', '--recursive'])
      }
      return await outcome(git, folder, ref, branch)
    },

    async push(asked, folder, at) {
      const params = parse(pushParams, asked.params, 'params.')
      const { git, source } = await open(asked, at)
      const branch = params.branch ?? source.branch
      if (branch === undefined) {
        throw new Fault('usage', 'the branch to push to is not given', {
          hint: 'set params.branch or source.branch',
        })
      }
      const repository = await pushable(git, folder, join(at.scratch, 'push'))
      await git.local(repository, ['remote', 'add', '--', 'origin', source.url])
      if (params.rebase) await rebase(git, repository, branch)
      const ref = (await git.local(repository, ['rev-parse', '--verify', 'HEAD^{commit}'])).trim()
      const force = params.force ? ['--force'] : []
      await git.push(repository, ['-q', ...force, '--', 'origin', `${ref}:refs/heads/${branch}`])
      return await outcome(git, repository, ref, branch)
    },
  }
}

/** The branch of the source (or the default branch) and its newest commit. */
async function findBranch(
  git: Git,
  { url, branch }: GitSource,
  folder: string,
  more?: Env,
): Promise<{ branch: string; tip: string }> {
  const wanted = branch === undefined ? 'HEAD' : `refs/heads/${branch}`
  const listed = await git.remote(folder, ['ls-remote', '--symref', '--', url, wanted], more)
  const tip = hashOf(listed, wanted)
  const head = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(listed)?.[1]
  if (tip === undefined) {
    throw new Fault('failed', branch === undefined ? `${url} is empty` : `${url} has no branch ${branch}`)
  }
  // A detached HEAD: its commits can be fetched all the same.
  return { branch: branch ?? (head !== undefined && isRefName(head) ? head : 'main'), tip }
}

/** The flag of git-init(1) for a repository that has this commit. */
function formatOf(hash: string): string {
  return `--object-format=${hash.length === 64 ? 'sha256' : 'sha1'}`
}

/** What is read of the packets of a server: its capabilities come first. */
const MAX_PACKETS = 64 * 1024

/**
 * Whether the server offers a partial clone (gitprotocol-v2(5), `fetch=… filter`; in the older protocol, behind the
 * first reference). Asked of a server of plain files, git 2.39 starts itself again and again.
 * @param packets where git has written what it was sent; no file where there were no packets
 */
async function offersFilter(packets: string): Promise<boolean> {
  const file = Bun.file(packets)
  if (!(await file.exists())) return false
  const text = await file.slice(0, MAX_PACKETS).text()
  return /< (?:fetch=|[0-9a-f]{40,64} \S*\\0)(?:.* )?filter(?: |$)/m.test(text)
}

function hashOf(listed: string, name: string): string | undefined {
  const line = listed.split('\n').find((line) => line.endsWith(`\t${name}`) && !line.startsWith('ref:'))
  const hash = line?.split('\t')[0] ?? ''
  return HASH.test(hash) ? hash : undefined
}

interface Commit {
  git: Git
  source: GitSource
  version: Version | undefined
  tip: string
}

/** The commit that a version names: by its hash, or by the name of a branch or tag. */
async function findCommit({ git, source, version, tip }: Commit, folder: string): Promise<string> {
  const ref = version?.ref
  if (ref === undefined) return tip
  if (HASH.test(ref)) return ref
  if (!isRefName(ref)) throw new Fault('usage', 'version.ref is neither a commit nor a name')
  const names = [`refs/tags/${ref}^{}`, `refs/tags/${ref}`, `refs/heads/${ref}`]
  const listed = await git.remote(folder, ['ls-remote', '--', source.url, ...names])
  const found = names.map((name) => hashOf(listed, name)).find((hash) => hash !== undefined)
  if (found === undefined) throw new Fault('failed', `${source.url} has no branch or tag ${ref}`)
  return found
}

interface Wanted {
  branch: string
  ref: string
  depth: number | undefined
}

async function fetchCommit(git: Git, folder: string, { branch, ref, depth }: Wanted): Promise<void> {
  const fetch = (...more: string[]) => git.remote(folder, ['fetch', '-q', ...more])
  const one = (...more: string[]) => fetch('--no-tags', ...more, '--', 'origin', ref)
  if (depth !== undefined) {
    // Not every server sends a commit that is not the tip of a branch.
    const hasCommit = await one('--depth', String(depth)).then(
      () => true,
      () => false,
    )
    if (hasCommit) return
  }
  await fetch('--', 'origin', `+refs/heads/${branch}:refs/remotes/origin/${branch}`)
  if (await isThere(git, folder, ref)) return
  await one().catch((cause: unknown) => {
    throw new Fault('failed', `there is no commit ${ref}`, { cause })
  })
}

async function isThere(git: Git, folder: string, ref: string): Promise<boolean> {
  return await git.local(folder, ['cat-file', '-e', `${ref}^{commit}`]).then(
    () => true,
    () => false,
  )
}

/** Settings by which a partial clone asks its server for what it misses. */
const PROMISES = ['remote.origin.promisor', 'extensions.partialClone']

interface History {
  git: Git
  source: GitSource
  branch: string
  from: string
  tip: string
  /** Whether the server can leave out files. */
  canFilter: boolean
}

/** The commits of the branch from one on; only the newest when that one is not among them. */
async function history(
  { git, source, branch, from, tip, canFilter }: History,
  scratch: string,
): Promise<Version[]> {
  const folder = join(scratch, 'history.git')
  await git.local(scratch, ['init', '-q', '--bare', '--template=', formatOf(tip), folder])
  await git.local(folder, ['remote', 'add', '--', 'origin', source.url])
  const refs = `+refs/heads/${branch}:refs/heads/${branch}`
  const filter = canFilter ? ['--filter=tree:0'] : []
  await git.remote(folder, ['fetch', '-q', '--no-tags', ...filter, '--', 'origin', refs])
  // Left as the promise of a server, each commit that is missing would be asked for.
  for (const setting of canFilter ? PROMISES : []) {
    // One that this version of git does not have is not there to be removed.
    await git.local(folder, ['config', '--unset-all', setting]).catch(() => {})
  }
  const isAncestor = await git.local(folder, ['merge-base', '--is-ancestor', from, tip]).then(
    () => true,
    () => false,
  )
  if (!isAncestor) return [{ ref: tip }]
  const count = `--max-count=${MAX_VERSIONS}`
  const listed = await git.local(folder, [
    'rev-list',
    '--first-parent',
    count,
    '--reverse',
    `${from}..${tip}`,
    '--',
  ])
  return [from, ...listed.split('\n').filter((line) => HASH.test(line))].map((ref) => ({ ref }))
}

async function rebase(git: Git, repository: string, branch: string): Promise<void> {
  await git.remote(repository, ['fetch', '-q', '--no-tags', '--', 'origin', `refs/heads/${branch}`])
  await git.local(repository, ['reset', '-q', '--hard'])
  await git.local(repository, ['rebase', '-q', 'FETCH_HEAD'])
}

/** Fields of git-log(1), and their names. */
const FIELDS = {
  commit: '%H',
  author: '%an',
  author_date: '%aI',
  committer: '%cn',
  committer_date: '%cI',
  message: '%B',
}
const MAX_MESSAGE = 4096

async function outcome(git: Git, folder: string, ref: string, branch: string): Promise<Outcome> {
  const format = Object.values(FIELDS).join('%x00')
  const values = (await git.local(folder, ['log', '-1', `--format=${format}`, ref, '--'])).split('\0')
  const metadata = Object.keys(FIELDS).map((name, at) => ({
    name,
    value: (values[at] ?? '').trim().slice(0, MAX_MESSAGE),
  }))
  return { version: { ref }, metadata: [...metadata, { name: 'branch', value: branch }] }
}
