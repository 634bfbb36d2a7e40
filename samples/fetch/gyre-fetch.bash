# Completion of gyre-fetch's command line in bash.
_gyre_fetch()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

    COMPREPLY=()
    case $before in
    -o)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    -O | -i | --cacert)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    -c | -H | --retry | --max-time | --max-redirs | --resolve)
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-c -o -O -i -H --cacert --insecure --retry --max-time
            --max-redirs --resolve --resume -s --json -h --help --version' -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W 'http:// https://' -- "$word")
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _gyre_fetch gyre-fetch
