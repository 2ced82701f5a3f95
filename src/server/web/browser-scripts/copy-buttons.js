/** The script of every page with a menu: buttons that copy. */
/* eslint-env browser */
/*
 * A page has room for a button beside what is worth copying: an element with `data-copy`, the ID of that. Without this
 * script, or in a browser that cannot copy, there is no button.
 */

/** How long a button says what came of it. */
const SHOWN_MS = 2000

export const canCopy = navigator.clipboard !== undefined || document.queryCommandSupported('copy')

/** Browsers have `navigator.clipboard` only where the page came by https, or from this machine. */
export async function copyText(text) {
  if (navigator.clipboard !== undefined) return await navigator.clipboard.writeText(text)
  const field = document.createElement('textarea')
  field.value = text
  field.className = 'unseen'
  const before = document.activeElement
  document.body.append(field)
  field.select()
  const isDone = document.execCommand('copy')
  field.remove()
  before?.focus()
  if (!isDone) throw new Error('the browser did not copy')
}

/** What came of it, for screen readers. */
const status = document.createElement('p')
status.className = 'unseen'
status.setAttribute('role', 'status')

/** A button that says for a while what came of its last click. */
export function onCopy(button, textOf) {
  const words = button.textContent
  let timer
  button.addEventListener('click', async () => {
    const copied = await copyText(textOf()).then(
      () => 'Copied',
      () => 'Not copied',
    )
    button.textContent = copied
    status.textContent = copied
    clearTimeout(timer)
    timer = setTimeout(() => {
      button.textContent = words
      status.textContent = ''
    }, SHOWN_MS)
  })
}

function addButton(place) {
  const source = document.getElementById(place.dataset.copy)
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Copy'
  button.title = place.dataset.what
  // A screen reader would read the value of a field aloud, and that may be a secret.
  if (source.value === undefined) button.setAttribute('aria-describedby', source.id)
  onCopy(button, () => source.value ?? source.textContent)
  place.append(button)
}

if (canCopy) {
  document.body.append(status)
  for (const place of document.querySelectorAll('[data-copy]')) addButton(place)
}
