complete -c vault-exec -l path -d 'Secret to read, as for `vault kv get`; @N pins a version, PREFIX=PATH prefixes its names' -r
complete -c vault-exec -l optional-path -d 'The same, but the secret may be missing' -r
complete -c vault-exec -l kv -d 'Version of the KV engine: auto, 1 or 2 [default: auto]' -r
complete -c vault-exec -l mount -d 'Mount of the paths, if it is not their first segment; makes them literal' -r
complete -c vault-exec -l write -d 'Request that creates something, such as pki/issue/web?common_name=web.test; FIELD=@FILE reads a file' -r
complete -c vault-exec -l min-lease -d 'Stop if a lease or a certificate expires sooner' -r
complete -c vault-exec -l only -d 'Take only this key' -r
complete -c vault-exec -l skip -d 'Leave this key out' -r
complete -c vault-exec -l case -d 'Case of the names: upper or keep [default: upper]' -r
complete -c vault-exec -l prefix -d 'Text to prepend to every name' -r
complete -c vault-exec -l allow-name -d 'Permit a name that is refused otherwise, such as PATH' -r
complete -c vault-exec -l set -d 'Set one more variable; {key} or {path#key} inserts a value, {key|url} encodes it' -r
complete -c vault-exec -l file -d 'The same in an in-memory file; the variable holds its path' -r
complete -c vault-exec -l file-dir -d 'Directory on a tmpfs for these files, for programs that close inherited descriptors' -r
complete -c vault-exec -l file-mode -d 'Permissions of these files [default: 0400; with --file-dir 0600]' -r
complete -c vault-exec -l on-conflict -d 'Who wins if a variable is inherited too: vault, env or error [default: vault]' -r
complete -c vault-exec -l on-duplicate -d 'Who wins if two paths produce the same name: last or error [default: last]' -r
complete -c vault-exec -l keep-env -d 'Inherited variable to keep with --pristine' -r
complete -c vault-exec -l require -d 'Stop unless this variable is set and not empty at the end' -r
complete -c vault-exec -l auth -d 'token, approle, kubernetes, jwt, userpass, ldap or cert [default: by credential]' -r
complete -c vault-exec -l auth-mount -d 'Mount of the auth method [default: the method\'s name]' -r
complete -c vault-exec -l auth-namespace -d 'Namespace of the auth method [default: --namespace]' -r
complete -c vault-exec -l role -d 'Role to log in as, with kubernetes, jwt or cert' -r
complete -c vault-exec -l token-file -d 'File with the token [default: ~/.vault-token] [BAO_TOKEN_PATH, VAULT_TOKEN_FILE]' -r
complete -c vault-exec -l role-id -d 'role_id of an AppRole [VAULT_ROLE_ID]' -r
complete -c vault-exec -l role-id-file -d 'File with the role_id, if --role-id is not given [VAULT_ROLE_ID_FILE]' -r
complete -c vault-exec -l secret-id-file -d 'File with the secret_id, if VAULT_SECRET_ID is not set [VAULT_SECRET_ID_FILE]' -r
complete -c vault-exec -l wrapped-by -d 'Accept only a wrapping token made by this request, such as sys/wrapping/wrap' -r
complete -c vault-exec -l jwt-file -d 'File with the JWT, if VAULT_JWT is not set [kubernetes: the pod\'s] [VAULT_JWT_FILE]' -r
complete -c vault-exec -l jwt-audience -d 'Audience of the ID token to request from GitHub Actions' -r
complete -c vault-exec -l username -d 'User name, with userpass or ldap [VAULT_USERNAME]' -r
complete -c vault-exec -l password-file -d 'File with the password, if VAULT_PASSWORD is not set [VAULT_PASSWORD_FILE]' -r
complete -c vault-exec -l address -d 'https://, http:// or unix:/// [default: https://127.0.0.1:8200] [VAULT_AGENT_ADDR, VAULT_ADDR]' -r
complete -c vault-exec -l namespace -d 'Namespace of the secrets [VAULT_NAMESPACE]' -r
complete -c vault-exec -l ca-cert -d 'PEM file with the only authorities to trust [VAULT_CACERT]' -r
complete -c vault-exec -l ca-path -d 'Directory of such PEM files [VAULT_CAPATH]' -r
complete -c vault-exec -l client-cert -d 'Client certificate [VAULT_CLIENT_CERT]' -r
complete -c vault-exec -l client-key -d 'Key of the client certificate [VAULT_CLIENT_KEY]' -r
complete -c vault-exec -l tls-server-name -d 'Name to expect in the server\'s certificate [default: the host] [VAULT_TLS_SERVER_NAME]' -r
complete -c vault-exec -l proxy -d 'HTTP proxy, never for loopback [default: HTTPS_PROXY] [VAULT_PROXY_ADDR, VAULT_HTTP_PROXY]' -r
complete -c vault-exec -l timeout -d 'Limit for everything until the program starts [default: 60s]' -r
complete -c vault-exec -l attempts -d 'Limit for the attempts of each request, within --timeout' -r
complete -c vault-exec -l format -d 'Format of the report of --check: text or json [default: text]' -r
complete -c vault-exec -l config -d 'Project file [default: the nearest .vault-exec.toml]' -r
complete -c vault-exec -l log-format -d 'Format of the messages: text or json [default: text]' -r
complete -c vault-exec -l references -d 'Replace vault:PATH#KEY and ${vault:PATH#KEY} in inherited variables'
complete -c vault-exec -l explicit -d 'Export only what --set, --file and --references name'
complete -c vault-exec -l pristine -d 'Start from an empty environment'
complete -c vault-exec -l keep-token -d 'Leave the token in VAULT_TOKEN for the program'
complete -c vault-exec -l unwrap-token -d 'Unwrap the token first: it is a wrapping token'
complete -c vault-exec -l secret-id-wrapped -d 'Unwrap the secret_id first: it is a wrapping token'
complete -c vault-exec -l no-revoke -d 'Do not revoke the login token'
complete -c vault-exec -l tls-skip-verify -d 'Trust any certificate, and so anyone in between [VAULT_SKIP_VERIFY]'
complete -c vault-exec -l disable-redirects -d 'Do not follow the redirect of a standby server [VAULT_DISABLE_REDIRECTS]'
complete -c vault-exec -l check -d 'Do everything except start the program, and report its variables and every problem'
complete -c vault-exec -l no-config -d 'Read no project file'
complete -c vault-exec -l trust -d 'Show what the nearest .vault-exec.toml sets, and use it until it changes'
complete -c vault-exec -l untrust -d 'Do not use it any more'
complete -c vault-exec -l require-mlock -d 'Stop if memory cannot be locked against swapping'
complete -c vault-exec -s v -l verbose -d 'Log each step, twice each request; never a value'
complete -c vault-exec -s h -l help -d 'Print help'
complete -c vault-exec -s V -l version -d 'Print the version'
