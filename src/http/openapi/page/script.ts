/** What the page does beyond being read. Without it, everything is there all the same. */
export const SCRIPT = `
'use strict'
const search = document.querySelector('#search')
const operations = [...document.querySelectorAll('.operation')]
const groups = [...document.querySelectorAll('.group')]
const links = [...document.querySelectorAll('nav li')]
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean)
  for (const operation of operations) {
    operation.hidden = !words.every((word) => operation.dataset.words.includes(word))
  }
  for (const group of groups) group.hidden = !group.querySelector('.operation:not([hidden])')
  for (const link of links) link.hidden = document.getElementById(link.dataset.of).hidden
  document.querySelector('#none').hidden = operations.some((operation) => !operation.hidden)
}
search.addEventListener('input', filter)
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && document.activeElement !== search) {
    event.preventDefault()
    search.focus()
  } else if (event.key === 'Escape') {
    search.value = ''
    filter()
  }
})
function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (target instanceof HTMLDetailsElement) target.open = true
  target?.scrollIntoView()
}
addEventListener('hashchange', open)
open()
const root = document.documentElement
function stored(theme) {
  try {
    if (theme === undefined) return localStorage.getItem('theme')
    localStorage.setItem('theme', theme)
  } catch {}
  return null
}
const remembered = stored()
if (remembered) root.dataset.theme = remembered
document.querySelector('#theme').addEventListener('click', () => {
  const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  root.dataset.theme = isDark ? 'light' : 'dark'
  stored(root.dataset.theme)
})
if (location.protocol.startsWith('http')) {
  for (const origin of document.querySelectorAll('.origin')) origin.textContent = location.origin
}
`
