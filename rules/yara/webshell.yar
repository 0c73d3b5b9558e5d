/* Which bytes let a stranger run commands on a web server? */

rule CityWatch_Webshell_PHP
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e11"
        title = "PHP code that runs what a request says"
        title_vi = "Mã PHP thực thi lệnh lấy từ yêu cầu"
        severity = "critical"
        category = "web_attack"
        tags = "attack.persistence, attack.t1505.003"
        falsepositives = "Training material served as source text"
        guide_vi = "Tìm và cách ly tệp trên máy chủ, xem nhật ký ai đã gọi nó, chặn đường tải tệp, khôi phục từ bản sạch, đổi mật khẩu."
        guide_en = "Find and isolate the file on the server, read the log for who called it, close the upload, restore a clean copy, change passwords."
    strings:
        $php = /<\?(php|=)/ nocase
        $run = /\b(eval|assert|system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec|create_function)\s{0,8}\(\s{0,8}@{0,2}(\(string\)\s?)?(base64_decode|gzinflate|gzuncompress|str_rot13|strrev|urldecode|rawurldecode|stripslashes|trim|hex2bin|\(|\s|@){0,6}\s{0,4}\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\b/ nocase
        $tick = /`\s{0,4}\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
        $through = /\$_(GET|POST|REQUEST|COOKIE)\s{0,4}\[[^\]]{1,40}\]\s{0,4}\(\s{0,4}\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
        $mapped = /\b(array_map|call_user_func(_array)?|array_filter|usort|register_shutdown_function)\s{0,4}\(\s{0,4}(\$_(GET|POST|REQUEST|COOKIE)|['"](assert|system|exec|passthru|shell_exec)['"]\s{0,4},\s{0,4}(array\()?\s{0,4}\$_(GET|POST|REQUEST|COOKIE))/ nocase
        $packed = /\b(eval|assert)\s{0,8}\(\s{0,8}@?(gzinflate|gzuncompress|gzdecode|str_rot13|strrev|convert_uudecode)\s{0,4}\(\s{0,4}(base64_decode|str_rot13|gzinflate|strrev|hex2bin)\s{0,4}\(/ nocase
        $input = /\beval\s{0,4}\(\s{0,4}(file_get_contents|stream_get_contents|fread)\s{0,4}\(\s{0,4}['"]php:\/\/input/ nocase
        $e_regex = /\bpreg_replace\s{0,4}\(\s{0,4}['"][^'"]{0,80}\/[a-z]{0,4}e[a-z]{0,4}['"]\s{0,4},\s{0,4}[^,]{0,80}\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
    condition:
        filesize < 4MB and $php and any of ($run, $tick, $through, $mapped, $packed, $input, $e_regex)
}

rule CityWatch_Webshell_ASP
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e12"
        title = "ASP or ASP.NET code that runs what a request says"
        title_vi = "Mã ASP/ASP.NET thực thi lệnh lấy từ yêu cầu"
        severity = "critical"
        category = "web_attack"
        tags = "attack.persistence, attack.t1505.003"
        falsepositives = "Training material served as source text"
        guide_vi = "Cách ly tệp trong thư mục IIS, kiểm tra tiến trình con của w3wp.exe, xem nhật ký IIS, vá lỗ hổng tải tệp hoặc Exchange/SharePoint."
        guide_en = "Isolate the file below the IIS root, look at children of w3wp.exe, read the IIS log, patch the upload hole or Exchange/SharePoint."
    strings:
        $page1 = /<%@?\s{0,8}(page|import|webhandler|webservice)\b/ nocase
        $page2 = /<script\b[^>]{0,120}\brunat\s{0,2}=\s{0,2}["']?server/ nocase
        $page3 = /<%[^@]/
        $eval = /\b(eval|execute|executeglobal)\s{0,4}\(?\s{0,4}(unescape\s{0,2}\(\s{0,2}|System\.Text\.Encoding[^\n]{0,80}\(\s{0,4})?request(\.(item|form|querystring|params|headers|cookies))?\s{0,4}[\[\(\.]/ nocase
        $process = /\b(Process\.Start|ProcessStartInfo|WScript\.Shell|Shell\.Application)\b/ nocase
        $asked = /\bRequest(\.(Item|Form|QueryString|Params|Headers|Cookies))?\s{0,4}[\[\(]\s{0,2}["'][^"'\n]{1,40}["']/ nocase
        $cmd = /\b(cmd(\.exe)?|powershell(\.exe)?|\/bin\/(ba)?sh)\b/ nocase
        $load = /\bAssembly\.Load\s{0,2}\(/ nocase
        $unpack = /\b(FromBase64String|CreateDecryptor|TransformFinalBlock)\s{0,2}\(/ nocase
    condition:
        filesize < 2MB and any of ($page*) and
        ($eval or ($process and $asked and $cmd) or ($load and $unpack and $asked))
}

rule CityWatch_Webshell_JSP
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e13"
        title = "JSP code that runs what a request says"
        title_vi = "Mã JSP thực thi lệnh lấy từ yêu cầu"
        severity = "critical"
        category = "web_attack"
        tags = "attack.persistence, attack.t1505.003"
        falsepositives = "Training material served as source text"
        guide_vi = "Cách ly tệp trong webapps, kiểm tra tiến trình con của Java, xem nhật ký truy cập, vá ứng dụng."
        guide_en = "Isolate the file below webapps, look at children of the Java process, read the access log, patch the application."
    strings:
        $jsp1 = "<%"
        $jsp2 = "<jsp:" nocase
        $asked = /\brequest\s{0,4}\.\s{0,4}(getParameter|getHeader|getInputStream|getReader|getQueryString|getCookies)\s{0,4}\(/
        $run = /\b(Runtime\s{0,4}\.\s{0,4}getRuntime\s{0,4}\(\s{0,4}\)\s{0,4}\.\s{0,4}exec|new\s{1,4}(java\.lang\.)?ProcessBuilder|getMethod\s{0,4}\(\s{0,4}"exec")\s{0,4}[\(,]/
        $define1 = /\bdefineClass\s{0,4}\(/
        $define2 = /\b(BASE64Decoder|Base64\.getDecoder|Cipher\.getInstance|base64Decode)\b/
        $eval = /\b(ScriptEngineManager|ELProcessor|ExpressionFactory)\b.{0,400}\.(eval|getValue)\s{0,4}\(/s
    condition:
        filesize < 2MB and any of ($jsp*) and $asked and ($run or ($define1 and $define2) or $eval)
}

rule CityWatch_Webshell_In_Picture
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e14"
        title = "Program code inside a picture"
        title_vi = "Mã chương trình giấu trong tệp ảnh"
        severity = "high"
        category = "web_attack"
        tags = "attack.persistence, attack.t1505.003, attack.defense-evasion, attack.t1036.008"
        falsepositives = "A picture whose comment quotes code"
        guide_vi = "Xóa ảnh khỏi thư mục tải lên sau khi giữ bản sao; kiểm tra máy chủ có chạy mã trong thư mục ảnh không; cấm thực thi ở đó."
        guide_en = "Remove the picture from the upload folder after keeping a copy; check whether the server runs code there; forbid it."
    strings:
        $php = /<\?(php\s|=\s{0,4}[\$`@a-z])/ nocase
        $asp = /<%(@|\s{0,4}(eval|execute|response|page))/ nocase
        $runs = /\b(eval|assert|system|passthru|shell_exec|exec|popen|base64_decode|move_uploaded_file|file_put_contents|Process\.Start|getRuntime)\s{0,4}\(/ nocase
        $input = /(\$_(GET|POST|REQUEST|COOKIE|FILES|SERVER)|php:\/\/input|request[\.\[\(])/ nocase
    condition:
        filesize < 8MB and
        (uint32be(0) == 0x47494638 or uint16be(0) == 0xFFD8 or uint32be(0) == 0x89504E47 or uint16be(0) == 0x424D)
        and any of ($php, $asp) and $runs and $input
}

rule CityWatch_Webshell_Panel
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e15"
        title = "A server answers with the panel of a web shell"
        title_vi = "Máy chủ trả về bảng điều khiển của webshell"
        severity = "critical"
        category = "web_attack"
        tags = "attack.persistence, attack.t1505.003, attack.discovery, attack.t1083"
        falsepositives = "A hosting panel with a file manager and a console"
        guide_vi = "Địa chỉ này là webshell đang hoạt động: chặn truy cập ngay, giữ tệp và nhật ký, tìm các tệp khác cùng ngày, khôi phục máy chủ."
        guide_en = "This address is a live web shell: block it now, keep file and logs, look for other files of the same day, rebuild the server."
    strings:
        $name = /<title>[^<]{0,60}\b(c99(shell|madshell)?|r57(shell)?|wso( [0-9.]{1,5})?|b374k|alfa (team|shell)|indoxploit|mini ?shell|webshell|web shell by|p0wny|marijuana|gel4y|anonymousfox)\b/ nocase
        $p1 = /\b(uname( -a)?|kernel|system)\s{0,3}:\s{0,4}(<[^>]{1,80}>\s{0,4}){0,3}(linux|windows nt|freebsd|darwin)\b/ nocase
        $p2 = /\b(safe[ _]?mode|disable[d_ ]+functions?|open_basedir)\s{0,3}:?\s{0,4}(<[^>]{1,80}>\s{0,4}){0,3}(:|off|on|none|null)\b/ nocase
        $p3 = /\bname\s{0,2}=\s{0,2}["']?(cmd|command|exec|c99sh_|act|ajax_cmd|kom|perintah)\b/ nocase
        $p4 = /type\s{0,2}=\s{0,2}["']?file["']?/ nocase
        $p5 = /\b(chmod|mass deface|config grab|jumping|symlink|back ?connect|bind ?port|self[ -]?(remove|kill)|dump (db|sql|database)|bypass (tools|root)|auto root)\b/ nocase
        $p6 = /[>\s][d-]r[w-][xs-]r[w-][xs-]r[w-][xt-][<\s]/
        $p7 = /\b(uid|gid)\s{0,3}=\s{0,3}[0-9]{1,6}\([a-z_-]{1,24}\)/ nocase
    condition:
        filesize < 2MB and what != "request_body" and (($name and 1 of ($p*)) or 5 of ($p*))
}
