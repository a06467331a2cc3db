// Decides requests with @cloud-copilot/iam-simulate, which is installed in the folder that is named: a list of its simulations
// comes in, a list of what it says of each goes out. Keys of conditions that it has not looked at are said, too.
const { runSimulation } = require(require.resolve('@cloud-copilot/iam-simulate', { paths: [process.argv[2]] }))

async function main() {
  const simulations = JSON.parse(require('fs').readFileSync(0, 'utf8'))
  const decisions = []
  for (const simulation of simulations) {
    const told = await runSimulation(simulation, {})
    decisions.push(
      told.resultType === 'error'
        ? { error: told.errors }
        : { kind: told.resultType, decision: told.overallResult, ignored: told.result?.ignoredContextKeys ?? [] }
    )
  }
  process.stdout.write(JSON.stringify(decisions))
}

main()
