// Calls a service with a secret as its bearer token, then prints the secret on purpose:
// the task gets the true value, every log gets ***REDACTED***.
//
//   fob pipeline set examples/deploy.ts
//   fob secrets set DEPLOY_TOKEN --pipeline deploy
//   fob pipeline run deploy https://deploys.example.com

const step = `
  const answer = await fetch(process.env.SERVICE, {
    method: 'POST',
    headers: { authorization: 'Bearer ' + process.env.DEPLOY_TOKEN },
  })
  console.log('the service said', answer.status, await answer.text())
  console.log('and the token is', process.env.DEPLOY_TOKEN)
  process.exitCode = answer.ok ? 0 : 1
`

const pipeline = async () => {
  const service = pipelineContext.args[0]
  if (service === undefined) throw new Error('say where to: fob pipeline run deploy URL')

  const deploy = await runtime.run({
    name: 'deploy',
    image: 'node:22',
    command: { path: 'node', args: ['--input-type=module', '--eval', step] },
    env: {
      DEPLOY_TOKEN: 'secret:DEPLOY_TOKEN', // replaced by the server, for this task alone
      SERVICE: service, // passed as it is
    },
  })

  if (deploy.code !== 0) throw new Error(`deploy ended with ${deploy.code}`)
}

export { pipeline }
