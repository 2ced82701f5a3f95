// Two secrets side by side: one that the server holds for all pipelines, and one of this pipeline's own.
//
//   fob server --secrets-sqlite-path my-secrets.db --secrets-sqlite-passphrase change-me-in-production \
//     --secret REGISTRY_TOKEN=ghp-abc123
//   fob pipeline set examples/both/secrets-basic.ts --server http://localhost:8080 --secret API_KEY=sk-live-abc123
//   fob pipeline run secrets-basic --server http://localhost:8080

const pipeline = async () => {
  const show = await runtime.run({
    name: 'show',
    image: 'busybox',
    command: { path: 'sh', args: ['-c', 'echo "api key: $API_KEY, registry token: $REGISTRY_TOKEN"'] },
    env: {
      API_KEY: 'secret:API_KEY', // the pipeline's own
      REGISTRY_TOKEN: 'secret:REGISTRY_TOKEN', // everybody's, from the server
      NODE_ENV: 'production', // passed as it is
    },
  })

  // The task saw the true values; what it printed is redacted, here and in every log.
  console.log('it printed:', show.stdout.trim())
  if (show.code !== 0) throw new Error(`show ended with ${show.code}`)
}

export { pipeline }
