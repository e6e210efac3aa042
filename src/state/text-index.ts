/**
 * The terms by which records are found, as parts of keys: a letter for the field, then text. A search takes the rows that
 * start with its term, and then looks whether the record really is what was asked for: terms are cut, and lower case.
 */
import type { Allocation, Metadata, Network } from '../ipam/records.ts'
import { asciiOf } from './key-encoding.ts'

/** Of the text in a term; what is longer is cut, with what is searched for. */
const TERM_CHARS_MAX = 32
const WORDS_MAX = 64
const WORD = /[\p{L}\p{N}][\p{L}\p{N}._@/:-]*/gu

export function macTerm(mac: string): string {
  return `m${mac.replaceAll(':', '')}`
}

/** Tags are whole: the space that ends a term belongs to it. */
export function tagTerm(tag: string): string {
  const term = cut(tag)
  return term.length === TERM_CHARS_MAX ? `t${term}` : `t${term} `
}

/** Words of description, tags and metadata, by how they start. */
export function wordTerm(start: string): string {
  return `w${cut(start)}`
}

const NO_TERMS: ReadonlySet<string> = new Set()

/** All but the host name: see `hostname-grams.ts`. */
export function allocationTerms(allocation: Allocation): ReadonlySet<string> {
  const { mac, tags, description, metadata } = allocation
  // As most leases are.
  if (mac === null && tags.length === 0 && description === '' && isEmpty(metadata)) return NO_TERMS
  const terms = new Set<string>()
  if (mac !== null) terms.add(macTerm(mac))
  addWords(terms, [description, ...tags, ...Object.values(metadata)])
  for (const tag of tags) terms.add(tagTerm(tag).trimEnd())
  return terms
}

export function networkTerms({ cidr, tags, description, metadata }: Network): ReadonlySet<string> {
  const terms = new Set<string>()
  addWords(terms, [cidr, description, ...tags, ...Object.values(metadata)])
  for (const tag of tags) terms.add(tagTerm(tag).trimEnd())
  return terms
}

/** Lower case. */
export function wordsOf(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.toLowerCase().match(WORD) ?? [])
}

function isEmpty(metadata: Metadata): boolean {
  for (const _ in metadata) return false
  return true
}

function addWords(terms: Set<string>, texts: readonly string[]): void {
  let count = 0
  for (const word of wordsOf(texts)) {
    terms.add(wordTerm(word))
    if (++count === WORDS_MAX) return
  }
}

function cut(text: string): string {
  return asciiOf(text.toLowerCase()).slice(0, TERM_CHARS_MAX)
}
