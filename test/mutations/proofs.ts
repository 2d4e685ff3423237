import type { Mutation } from './mutation.js'

/** docs/rules-and-tests.md: which tests prove which rule, and by which faults they were tried. */
export function proofsPage(mutations: readonly Mutation[]): string {
  const rules = [...new Set(mutations.map(({ rule }) => rule))]
  return `# Which tests prove which rule

Each rule of [semantics.md](semantics.md) is broken on purpose at the place that computes it, and the tests named after the rule have to fail:
\`npm run mutations\` tries all of these, \`npm test\` the first of each rule, and a survivor fails either. \`npx vitest run -t '\\bR7\\b'\` runs all
tests that cite a rule, of which there are more than these.

Beside them stand searches: \`test/reference/many-histories.test.ts\` plays generated histories of everything at once against a slow reference,
\`test/reference/publish-protocol.test.ts\` and \`test/faults/publish-traces*.test.ts\` orders of commits, publishes and crashes against a model,
\`test/faults/held-histories.test.ts\` lives of views whose features are held alone, \`test/end-to-end/random-histories.test.ts\` lives of a whole product.

| Rule | Broken so | At | Noticed by |
|---|---|---|---|
${rules.flatMap((rule) => rowsOf(mutations.filter((mutation) => mutation.rule === rule))).join('\n')}

This page is made of \`test/mutations/of-*.ts\`; after a change there, \`npm run proofs:update\`.
`
}

function rowsOf(mutations: readonly Mutation[]): string[] {
  return mutations.map(({ rule, breaks, file, tests }, at) => {
    const cells = [at === 0 ? rule : '', breaks, `\`${file}\``, tests.map((test) => `\`${test}\``).join(', ')]
    return `| ${cells.join(' | ')} |`
  })
}
