# fish: completes the command lines of hakmem. The program itself knows the words (hakmem --complete).
function __hakmem_words
    set -l before (commandline -opc)
    set -l lines ($before[1] --complete $before[2..-1] (commandline -ct) 2>/dev/null)
    switch "$lines[1]"
        case ':commands*'
            __fish_complete_command
            __fish_complete_path (commandline -ct)
        case ''
            __fish_complete_path (commandline -ct)
        case '*'
            printf '%s\n' (string match -v ':files*' -- $lines)
            if string match -q ':files*' -- $lines
                __fish_complete_path (commandline -ct)
            end
    end
end
complete -c hakmem -f -a '(__hakmem_words)'
