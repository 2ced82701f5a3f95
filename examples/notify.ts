// Sends a message to an address of yours. Tokens and addresses are secrets, looked up when the message is sent.
//
//   fob pipeline set examples/notify.ts --secret-file secrets.env    # SLACK_BOT_TOKEN, TEAMS_WEBHOOK, HOOK_TOKEN
//   fob pipeline run notify URL     # an address that takes a POST

const pipeline = async () => {
  const [hook] = pipelineContext.args
  if (hook === undefined) throw new Error('name an address: fob pipeline run notify URL')
  notify.setConfigs({
    builds: { type: 'slack', token: 'secret:SLACK_BOT_TOKEN', channels: ['#builds'] },
    alerts: { type: 'teams', webhook: 'secret:TEAMS_WEBHOOK' },
    hook: { type: 'http', url: hook, method: 'POST', headers: { Authorization: 'secret:HOOK_TOKEN' } },
  })
  notify.setContext({ version: '1.4.2' })

  await notify.send({ name: 'hook', message: '{{ pipeline }} has built {{ version }}' })
}

export { pipeline }
