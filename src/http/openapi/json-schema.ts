/** JSON Schema 2020-12, the dialect of OpenAPI 3.1, of what validates requests and what answers look like. */
import { z } from 'zod'

export type JsonSchema = Readonly<Record<string, unknown>>

interface Written extends Record<string, unknown> {}

/** What has a name is written once, and referred to everywhere else. */
export class SchemaWriter {
  readonly #names: ReadonlyMap<z.ZodType, string>

  constructor(names: Readonly<Record<string, z.ZodType>>) {
    this.#names = new Map(Object.entries(names).map(([name, schema]) => [schema, name]))
  }

  /**
   * @param io A request is described as it is sent, before defaults and canonical forms; an answer as it comes.
   * @param isDefinition Of what has a name: in full.
   */
  write(
    schema: z.ZodType,
    { io, isDefinition = false }: { io: 'input' | 'output'; isDefinition?: boolean },
  ): JsonSchema {
    const { $schema: _, ...written } = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => {
        const isItself = isDefinition && (zodSchema as unknown) === schema
        const name = isItself ? undefined : this.#names.get(zodSchema as unknown as z.ZodType)
        if (name !== undefined) replace(jsonSchema as Written, { $ref: `#/components/schemas/${name}` })
        else
          this.#amend(jsonSchema as Written, {
            def: zodSchema._zod.def,
            examples: z.globalRegistry.get(zodSchema)?.['examples'],
            io,
          })
      },
    })
    return written
  }

  #amend(
    written: Written,
    {
      def,
      examples,
      io,
    }: { def: z.core.$ZodTypes['_zod']['def']; examples: unknown; io: 'input' | 'output' },
  ): void {
    // Left out by zod where a value is changed on its way in. Ours are of what is sent.
    if (examples !== undefined) written['examples'] = examples
    // Lists whose length is checked first are of anything there, and of what follows here.
    if (io === 'input' && def.type === 'pipe' && isListOfAnything(written)) {
      const { items } = this.write(def.out as unknown as z.ZodType, { io })
      if (items !== undefined) written['items'] = items
    }
    if (def.type === 'default' && written['default'] === undefined && def.defaultValue !== null) {
      written['default'] = def.defaultValue
    }
    // They say nothing that JSON does not.
    if (written['minimum'] === Number.MIN_SAFE_INTEGER) delete written['minimum']
    if (written['maximum'] === Number.MAX_SAFE_INTEGER) delete written['maximum']
    // Of our types, not of the answers: there, nothing can be written anyway.
    delete written['readOnly']
    // Later versions add fields to answers; requests take no others.
    if (io === 'output' && written['additionalProperties'] === false) delete written['additionalProperties']
  }
}

function isListOfAnything({ type, items }: Written): boolean {
  return type === 'array' && typeof items === 'object' && items !== null && Object.keys(items).length === 0
}

function replace(written: Written, by: JsonSchema): void {
  for (const key of Object.keys(written)) delete written[key]
  Object.assign(written, by)
}
