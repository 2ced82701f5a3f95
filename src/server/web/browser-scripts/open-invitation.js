/** The script of the pages of an invitation: sends the secret of the link, which is not part of the address that browsers request. */
/* eslint-env browser */

open()
addEventListener('hashchange', open)

function open() {
  const secret = location.hash.slice(1)
  if (!secret.startsWith('iv_')) return
  // Neither the address bar nor the history has it any longer.
  history.replaceState(null, '', location.pathname)
  const form = document.createElement('form')
  form.method = 'post'
  form.action = '/invitation'
  const field = document.createElement('input')
  field.type = 'hidden'
  field.name = 'secret'
  field.value = secret
  form.append(field)
  document.body.append(form)
  form.submit()
}
