/** The script of a run's page: tasks, durations and the button. */
/* eslint-env browser */
/*
 * The part of a run's page above its log, while the run continues: the tasks, durations, and the button. Some of that
 * only the server knows: it is taken from the page, loaded again.
 */

import { showLocalTimes } from './local-times.js'

const element = (id) => document.getElementById(id)

/** By number, as names may repeat: `{name, status, row, rendered}`, `rendered` being the row as the server last rendered it. */
export const tasks = new Map()

export function badge(status) {
  return element('badges').content.querySelector(`.status-${status}`)?.cloneNode(true) ?? status
}

export function takeTask({ name, number = name, status, code }) {
  const task = tasks.get(String(number)) ?? newTask(String(number), name)
  task.status = status
  // In the order in which their statuses were reached.
  tasks.delete(String(number))
  tasks.set(String(number), task)
  if (showRendered(task)) return
  const title = document.createElement('strong')
  title.textContent = name
  const more = document.createElement('span')
  more.className = 'small'
  if (code) more.textContent = `exit code ${code}`
  task.row.replaceChildren(title, ' ', badge(status), ' ', more)
  if (status !== 'running') refreshSoon()
}

/** The row from the server has more than the event: the duration. */
function showRendered({ status, row, rendered }) {
  if (rendered?.dataset.status !== status) return false
  row.replaceChildren(...rendered.cloneNode(true).childNodes)
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

/** The tasks that the page was loaded with. */
export function adoptTasks() {
  for (const row of element('tasks').children) {
    const { number, status } = row.dataset
    addTask(number, {
      name: row.querySelector('strong').textContent,
      status,
      row,
      rendered: row.cloneNode(true),
    })
  }
}

/* -------------------------------------------------------------------------------------------- the server's part */

/** Between two loads of the page while the run continues. */
const REFRESH_MS = 2000
let refreshes = 0
let waiting

function refreshSoon() {
  if (element('log').dataset.live !== undefined) waiting ??= setTimeout(refresh, REFRESH_MS)
}

/** Removes the Stop button, also where the server cannot be asked for what replaces it. */
export function hasEnded() {
  element('run-action').replaceChildren()
  void refresh()
}

/** Loads what the events do not have: durations, and the form that resumes the run with its session value. */
async function refresh() {
  clearTimeout(waiting)
  waiting = undefined
  const turn = ++refreshes
  const address = new URL(location.href)
  // Before the first event there is no log: that is here already.
  address.searchParams.set('before', '1')
  const text = await fetch(address).then(
    (response) => (response.ok ? response.text() : ''),
    () => '',
  )
  if (turn !== refreshes) return
  const page = new DOMParser().parseFromString(text, 'text/html')
  showLocalTimes(page)
  for (const id of ['run-facts', 'run-action']) {
    const now = page.getElementById(id)
    if (now && !now.isEqualNode(element(id))) element(id).replaceWith(now)
  }
  for (const row of page.querySelectorAll('#tasks > li')) {
    const task = tasks.get(row.dataset.number)
    if (!task) continue
    task.rendered = row
    showRendered(task)
  }
}
