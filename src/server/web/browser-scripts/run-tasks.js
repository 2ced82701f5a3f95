/* eslint-env browser */
/*
 * The part of a run's page that is above its log, as the run goes on: the tasks, how long things took, and what can be
 * done with the run. Only the server knows some of that; it is taken from the page as it is by then.
 */

const element = (id) => document.getElementById(id)

/** By number, as names may repeat: `{name, status, row, said}`, `said` being the row as the server last made it. */
export const tasks = new Map()

export function badge(status) {
  return element('badges').content.querySelector(`.status-${status}`)?.cloneNode(true) ?? status
}

export function takeTask({ name, number = name, status, code }) {
  const task = tasks.get(String(number)) ?? newTask(String(number), name)
  task.status = status
  // In the order in which things became of them.
  tasks.delete(String(number))
  tasks.set(String(number), task)
  if (showAsSaid(task)) return
  const title = document.createElement('strong')
  title.textContent = name
  const more = document.createElement('span')
  more.className = 'small'
  if (code) more.textContent = `exit code ${code}`
  task.row.replaceChildren(title, ' ', badge(status), ' ', more)
  if (status !== 'running') refreshSoon()
}

/** The server's row says more than the event: how long it took. */
function showAsSaid({ status, row, said }) {
  if (said?.dataset.status !== status) return false
  row.replaceChildren(...said.cloneNode(true).childNodes)
  return true
}

function newTask(number, name) {
  const row = document.createElement('li')
  element('tasks').append(row)
  return addTask(number, { name, row })
}

function addTask(number, task) {
  tasks.set(number, task)
  const { name } = task
  if ([...element('log-task').options].every(({ value }) => value !== name)) {
    const option = document.createElement('option')
    option.value = name
    option.textContent = name
    element('log-task').append(option)
  }
  return task
}

/** Those that the page came with. */
export function adoptTasks() {
  for (const row of element('tasks').children) {
    const { number, status } = row.dataset
    addTask(number, { name: row.querySelector('strong').textContent, status, row, said: row.cloneNode(true) })
  }
}

/* -------------------------------------------------------------------------------------------- the server's part */

/** Between two looks at the page of a run that goes on. */
const REFRESH_MS = 2000
let refreshes = 0
let waiting

function refreshSoon() {
  if (element('log').dataset.live !== undefined) waiting ??= setTimeout(refresh, REFRESH_MS)
}

/** Stop goes, also where the server cannot be asked for what takes its place. */
export function hasEnded() {
  element('run-action').replaceChildren()
  void refresh()
}

/** What the events do not have: how long things took, and the form that resumes the run, which the session seals. */
async function refresh() {
  clearTimeout(waiting)
  waiting = undefined
  const turn = ++refreshes
  const address = new URL(location.href)
  // Before the first event there is no log: that is here already.
  address.searchParams.set('before', '1')
  const text = await fetch(address).then(
    (answer) => (answer.ok ? answer.text() : ''),
    () => '',
  )
  if (turn !== refreshes) return
  const page = new DOMParser().parseFromString(text, 'text/html')
  for (const id of ['run-facts', 'run-action']) {
    const now = page.getElementById(id)
    if (now && !now.isEqualNode(element(id))) element(id).replaceWith(now)
  }
  for (const row of page.querySelectorAll('#tasks > li')) {
    const task = tasks.get(row.dataset.number)
    if (task) showAsSaid(Object.assign(task, { said: row }))
  }
}
