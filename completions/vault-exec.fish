complete -c vault-exec -l path -d 'Secret to read, as `vault kv get` takes it; @N pins a version' -r
complete -c vault-exec -l optional-path -d 'The same, but the secret may be absent' -r
complete -c vault-exec -l kv -d 'Version of the key/value engine: auto, 1 or 2 [default: auto]' -r
complete -c vault-exec -l mount -d 'Mount of the paths, when it is not their first segment' -r
complete -c vault-exec -l only -d 'Take only this key' -r
complete -c vault-exec -l skip -d 'Leave this key out' -r
complete -c vault-exec -l case -d 'Case of the names: upper or keep [default: upper]' -r
complete -c vault-exec -l prefix -d 'Text in front of every name' -r
complete -c vault-exec -l allow-name -d 'Take a name that can make programs run code, such as PATH' -r
complete -c vault-exec -l set -d 'One more variable: {key} is a value, {path#key|url} one of many, encoded' -r
complete -c vault-exec -l file -d 'The same in a file in memory; the variable holds its name' -r
complete -c vault-exec -l file-dir -d 'Directory on tmpfs for these files, for programs that close what they inherit' -r
complete -c vault-exec -l file-mode -d 'Permissions of these files [default: 0400; with --file-dir 0600]' -r
complete -c vault-exec -l on-conflict -d 'Who wins if a variable exists: vault, env or error [default: vault]' -r
complete -c vault-exec -l keep-env -d 'With --pristine: keep this variable all the same' -r
complete -c vault-exec -l require -d 'Stop unless this variable is set and not empty in the end' -r
complete -c vault-exec -l auth -d 'token, approle, kubernetes, jwt, userpass, ldap or cert [default: what is there]' -r
complete -c vault-exec -l auth-mount -d 'Mount of the auth method [default: the method\'s name]' -r
complete -c vault-exec -l auth-namespace -d 'Namespace of the auth method [default: --namespace]' -r
complete -c vault-exec -l role -d 'Role to log in as, with kubernetes, jwt or cert' -r
complete -c vault-exec -l token-file -d 'File that holds the token [VAULT_TOKEN_FILE; last: ~/.vault-token]' -r
complete -c vault-exec -l role-id -d 'AppRole\'s role_id [VAULT_ROLE_ID or VAULT_ROLE_ID_FILE]' -r
complete -c vault-exec -l secret-id-file -d 'File that holds AppRole\'s secret_id [or VAULT_SECRET_ID]' -r
complete -c vault-exec -l jwt-file -d 'File that holds the JWT [or VAULT_JWT; kubernetes: the pod\'s own]' -r
complete -c vault-exec -l jwt-audience -d 'Audience of the token that GitHub Actions is asked for' -r
complete -c vault-exec -l username -d 'User name, with userpass or ldap [VAULT_USERNAME]' -r
complete -c vault-exec -l password-file -d 'File that holds the password [or VAULT_PASSWORD]' -r
complete -c vault-exec -l address -d 'https://, http:// or unix:/// [VAULT_ADDR; default: https://127.0.0.1:8200]' -r
complete -c vault-exec -l namespace -d 'Namespace of the secrets [VAULT_NAMESPACE]' -r
complete -c vault-exec -l ca-cert -d 'PEM file with the only authorities to trust [VAULT_CACERT]' -r
complete -c vault-exec -l ca-path -d 'Directory of such PEM files [VAULT_CAPATH]' -r
complete -c vault-exec -l client-cert -d 'Certificate to show to the server [VAULT_CLIENT_CERT]' -r
complete -c vault-exec -l client-key -d 'Key of that certificate [VAULT_CLIENT_KEY]' -r
complete -c vault-exec -l tls-server-name -d 'Name the server\'s certificate must be for [VAULT_TLS_SERVER_NAME]' -r
complete -c vault-exec -l proxy -d 'HTTP proxy, never for loopback [VAULT_PROXY_ADDR; HTTPS_PROXY, NO_PROXY]' -r
complete -c vault-exec -l timeout -d 'Time for everything until the program starts [default: 60s]' -r
complete -c vault-exec -l attempts -d 'Give up after this many tries, if the time is not over before' -r
complete -c vault-exec -l format -d 'Form of what --check tells: text or json [default: text]' -r
complete -c vault-exec -l config -d 'Project file [default: the nearest .vault-exec.toml]' -r
complete -c vault-exec -l log-format -d 'Messages as text or json [default: text]' -r
complete -c vault-exec -l explicit -d 'Export only what --set and --file name'
complete -c vault-exec -l pristine -d 'Start from an empty environment'
complete -c vault-exec -l keep-token -d 'Leave the token in VAULT_TOKEN for the program'
complete -c vault-exec -l unwrap-token -d 'The token is a wrapping token: unwrap it first'
complete -c vault-exec -l secret-id-wrapped -d 'The secret_id is a wrapping token: unwrap it first'
complete -c vault-exec -l no-revoke -d 'Leave the token that a login obtained alive'
complete -c vault-exec -l tls-skip-verify -d 'Trust any certificate, and so anyone in between [VAULT_SKIP_VERIFY]'
complete -c vault-exec -l disable-redirects -d 'Do not follow a standby\'s redirect [VAULT_DISABLE_REDIRECTS]'
complete -c vault-exec -l check -d 'Do everything but start the program: tell what it would get, and every problem'
complete -c vault-exec -l no-config -d 'Read no project file'
complete -c vault-exec -l require-mlock -d 'Stop if memory cannot be locked against swapping'
complete -c vault-exec -s v -l verbose -d 'Tell what is done, twice for details; never a value'
complete -c vault-exec -s h -l help -d 'Print help'
complete -c vault-exec -s V -l version -d 'Print the version'
