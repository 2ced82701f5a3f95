// Lists commits: `check` returns at once, without `await`. Then a task looks at the newest one.
//
//   fob pipeline set examples/git-versions.ts
//   fob pipeline run git-versions URI     # https, or ssh with a private_key in the source

const pipeline = async () => {
  const [uri] = pipelineContext.args
  if (uri === undefined) throw new Error('name a repository: fob pipeline run git-versions URI')
  const source = { uri }

  const { versions } = nativeResources.check({ type: 'git', source })
  const version = versions.at(-1)
  assert.ok(version, 'the repository has no commit')
  console.log('the newest commit is', version.ref)

  const fetched = await nativeResources.fetch({
    type: 'git',
    source,
    version,
    params: { depth: 1 },
    destDir: '/workspace',
  })
  await runtime.run({
    name: 'list',
    image: 'busybox',
    command: { path: 'ls', args: ['-l', 'repository/'] },
    mounts: { repository: fetched.volume },
  })
}

export { pipeline }
