/** Scripts that check, fetch and push a repository, and messages to Slack and Teams, on the binary. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findCanaries } from '../../support/hostile/canaries.ts'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { createRepository, startGitHttp } from '../../support/real-parts/git-server.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { missingS3Part, startS3Server } from '../../support/real-parts/s3-server.ts'
import { freePort } from '../../support/free-port.ts'
import { missingSshd, startSshd } from '../../support/real-parts/sshd.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { startSlack } from '../../support/stand-ins/slack.ts'
import { vaultKeyFile } from '../../support/servers/vault-key-file.ts'
import { startTeams } from '../../support/stand-ins/teams.ts'

const folder = temporaryFolder()
const data = join(folder, 'data')
const TOKEN = 'ghp_canaryThatIsNeverSeen'
const SLACK_TOKEN = 'xoxb-canaryThatIsNeverSeen'
let url = ''
let server: Running

beforeAll(async () => {
  const port = freePort()
  url = `http://127.0.0.1:${port}`
  const settings = [`listen = "127.0.0.1:${port}"`, `data = "${data}"`, 'allow_network = "127.0.0.0/8"']
  settings.push('[secrets]', `key_file = "${vaultKeyFile(folder)}"`)
  writeFileSync(join(folder, 'fob.toml'), settings.join('\n'))
  server = start(['server', '--config', join(folder, 'fob.toml')], { cwd: folder })
  await server.saw('"listening"')
})
afterAll(async () => {
  server.child.kill('SIGINT')
  await server.ended
})

async function setSecret(key: string, value: string): Promise<void> {
  const ended = await fob(['secrets', 'set', key, '-s', url], { cwd: folder, stdin: value })
  expect(ended.err).not.toContain('fob:')
}

/** Sets a pipeline and runs it. @returns its log */
async function run(name: string, body: string, code = 0): Promise<string> {
  writeFileSync(
    join(folder, `${name}.ts`),
    `const pipeline = async () => {\n${body}\n};\nexport { pipeline };\n`,
  )
  const set = await fob(['pipeline', 'set', `${name}.ts`, '-s', url], { cwd: folder })
  expect(set.err).not.toContain('fob:')
  const ended = await fob(['pipeline', 'run', name, '-s', url], { cwd: folder })
  expect([ended.code, ended.out + ended.err]).toEqual([code, expect.any(String)])
  return ended.out + ended.err
}

test('S89 to S91: a script checks a repository, fetches it, and pushes what a task made of it', async () => {
  const repository = createRepository()
  const ref = repository.commit({ 'hello.txt': 'from git\n' })
  const forge = startGitHttp(repository.root, { username: 'x-access-token', password: TOKEN })
  await setSecret('GIT_TOKEN', TOKEN)
  const log = await run(
    'git',
    `const source = { uri: "${forge.url}/repo.git", token: "secret:GIT_TOKEN" };
    const { versions } = nativeResources.check({ type: "git", source });
    console.log("newest is", versions[0].ref);
    const { volume } = await nativeResources.fetch({
      type: "git", source, version: versions[0], params: { depth: 1 }, destDir: "/workspace",
    });
    await runtime.run({
      name: "read",
      command: { path: "sh", args: ["-c", "cd src && cat hello.txt && echo more >> hello.txt && git -c user.name=a -c user.email=a@b commit -qam more"] },
      mounts: { src: volume },
    });
    const pushed = await nativeResources.push({ type: "git", source, params: { branch: "next" }, srcDir: "/workspace" });
    console.log("pushed", pushed.metadata.find(({ name }) => name === "message").value);`,
  )
  await forge.stop()
  expect(log).toContain(`newest is ${ref}`)
  expect(log).toContain('from git')
  expect(log).toContain('pushed more')
  expect(repository.git('show', 'next:hello.txt')).toBe('from git\nmore')
  expect(findCanaries(data, [TOKEN])).toEqual([])
  expect(readdirSync(join(data, 'scratch'))).toEqual([])
})

testWith(
  missingSshd(),
  'S92: a private key opens a repository over ssh, on the compiled binary',
  async () => {
    const sshd = await startSshd()
    const repository = createRepository()
    repository.commit({ 'hello.txt': 'over ssh\n' })
    await setSecret('GIT_DEPLOY_KEY', sshd.privateKey)
    const uri = `ssh://${sshd.user}@127.0.0.1:${sshd.port}${repository.path}`
    const log = await run(
      'ssh',
      `const source = { uri: "${uri}", private_key: "secret:GIT_DEPLOY_KEY", known_hosts: ${JSON.stringify(sshd.knownHosts)} };
    await nativeResources.fetch({ type: "git", source, destDir: "src" });
    await runtime.run({ name: "read", command: { path: "cat", args: ["src/hello.txt"] }, mounts: { src: "src" } });
    try {
      nativeResources.check({ type: "git", source: { ...source, known_hosts: undefined } });
    } catch (error) {
      console.log(error.message);
    }`,
    )
    await sshd.stop()
    expect(log).toContain('over ssh')
    expect(log).toContain(
      'the host key of 127.0.0.1 is not known; put what this prints into source.known_hosts',
    )
    const [, secretLine = ''] = sshd.privateKey.split('\n')
    expect(findCanaries(data, [secretLine])).toEqual([])
  },
)

testWith(
  missingS3Part(),
  'S90, S93: an archive of a bucket is unpacked into a volume, and files of one are pushed',
  async () => {
    const s3 = await startS3Server()
    await s3.createBucket('my-bucket')
    const files = temporaryFolder()
    await Bun.write(join(files, 'bin/app.sh'), 'echo unpacked; echo built > src/built.txt')
    Bun.spawnSync({ cmd: ['tar', '-czf', 'app-1.10.tgz', 'bin'], cwd: files })
    await s3.put('my-bucket', 'builds/app-1.10.tgz', await Bun.file(join(files, 'app-1.10.tgz')).bytes())
    await s3.put('my-bucket', 'builds/app-1.9.tgz', 'an older one')
    await setSecret('AWS_ACCESS_KEY', s3.accessKeyId)
    await setSecret('AWS_SECRET_KEY', s3.secretAccessKey)
    const log = await run(
      's3',
      `const source = {
        bucket: "my-bucket", endpoint: "${s3.endpoint}", pattern: "builds/app-*.tgz",
        credentials: { access_key: "secret:AWS_ACCESS_KEY", secret_key: "secret:AWS_SECRET_KEY" },
      };
      const { versions } = nativeResources.check({ type: "s3", source });
      await nativeResources.fetch({ type: "s3", source, version: versions[0], params: { unpack: true }, destDir: "/workspace" });
      await runtime.run({ name: "run", command: { path: "sh", args: ["src/bin/app.sh"] }, mounts: { src: "workspace" } });
      await nativeResources.push({ type: "s3", source, params: { file: "built.txt", key: "out/built.txt" }, srcDir: "workspace" });`,
    )
    expect(log).toContain('unpacked')
    expect((await s3.objects('my-bucket', 'out/')).get('out/built.txt')?.toString()).toBe('built\n')
    await s3.stop()
  },
  120_000,
)

test('S94 to S97: messages reach Slack and Teams with secrets that nothing else shows', async () => {
  const slack = startSlack({ token: SLACK_TOKEN, channels: ['#builds'] })
  const teams = startTeams()
  await setSecret('SLACK_BOT_TOKEN', SLACK_TOKEN)
  await setSecret('TEAMS_WEBHOOK_URL', teams.webhook)
  const log = await run(
    'notify',
    `notify.setConfigs({
      "slack-builds": { type: "slack", token: "secret:SLACK_BOT_TOKEN", channels: ["#builds"], url: "${slack.url}" },
      "teams-alerts": { type: "teams", webhook: "secret:TEAMS_WEBHOOK_URL" },
      "wrong": { type: "slack", token: "secret:SLACK_BOT_TOKEN", channels: ["#nope"], url: "${slack.url}" },
    });
    await notify.send({ name: "slack-builds", message: "Build started" });
    await notify.send({ name: "teams-alerts", message: "{{ pipeline }} is {{ status | upcase }}" });
    await notify.send({ name: "wrong", message: "m", async: true });
    await notify.send({ name: "wrong", message: "m" });`,
    1,
  )
  expect(slack.posted).toEqual([{ channel: '#builds', text: 'Build started' }])
  expect(teams.texts).toEqual(['notify is RUNNING'])
  expect(log).toContain('notify "wrong": #nope: channel_not_found')
  expect(findCanaries(data, [SLACK_TOKEN, 's1gnatureOfTheHook'])).toEqual([])
  await slack.stop()
  await teams.stop()
})
