# Installs what trials need; curl is part of Windows.
$ErrorActionPreference = 'Stop'
New-Item -ItemType Directory -Force -Path C:\lab | Out-Null
$wanted = @{ python = 'Python.Python.3.12'; node = 'OpenJS.NodeJS.LTS'; dig = 'ISC.Bind' }
foreach ($program in $wanted.Keys) {
    if (Get-Command $program -ErrorAction SilentlyContinue) { continue }
    if (-not (Get-Command winget -ErrorAction SilentlyContinue)) {
        Write-Warning "$program is missing, and there is no winget to install it"
        continue
    }
    winget install --id $wanted[$program] --exact --silent --scope machine `
        --accept-package-agreements --accept-source-agreements --disable-interactivity
    if ($LASTEXITCODE -ne 0) { Write-Warning "$program cannot be installed" }
}
# A trial's own servers are asked from the lab's network.
New-NetFirewallRule -DisplayName 'sidestream-lab' -Direction Inbound -Action Allow `
    -Program C:\lab\sidestream-lab.exe -ErrorAction SilentlyContinue | Out-Null
