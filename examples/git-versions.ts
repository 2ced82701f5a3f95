// Which commits there are: `check` answers at once, without `await`. Then the newest one, for a task to look at.
//
//   fob pipeline set examples/git-versions.ts
//   fob pipeline run git-versions https://github.com/my-org/repository.git

const pipeline = async () => {
  const [uri] = pipelineContext.args
  if (uri === undefined) throw new Error('say which: fob pipeline run git-versions URI')
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
