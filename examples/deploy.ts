// Calls a service with a secret as its bearer token, then prints the secret on purpose:
// the task gets the value, every log gets ***REDACTED***.
//
//   fob pipeline set examples/deploy.ts
//   fob secrets set DEPLOY_TOKEN --pipeline deploy
//   fob pipeline run deploy           # calls a stand-in that the task starts itself
//   fob pipeline run deploy URL       # calls a service of yours

const step = `
  import { createServer } from 'node:http'
  import { once } from 'node:events'

  let url = process.env.SERVICE
  if (url === '') {
    const standIn = createServer((request, response) => response.end('deployed with ' + request.headers.authorization))
    await once(standIn.listen(0, '127.0.0.1').unref(), 'listening')
    url = 'http://127.0.0.1:' + standIn.address().port
  }
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: 'Bearer ' + process.env.DEPLOY_TOKEN },
  })
  console.log('the service responded', response.status, await response.text())
  console.log('and the token is', process.env.DEPLOY_TOKEN)
  process.exitCode = response.ok ? 0 : 1
`

const pipeline = async () => {
  const [service = ''] = pipelineContext.args

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
