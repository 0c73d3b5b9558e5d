/* Which page says of itself that it was taken over? */

rule CityWatch_Defaced_Title
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e01"
        title = "A page's title says that it was taken over"
        title_vi = "Tiêu đề trang tự nhận đã bị chiếm quyền"
        description = "The title begins with the boast itself; an article about a hack names its victim first."
        severity = "critical"
        category = "defacement"
        tags = "attack.impact, attack.t1491.002, citywatch.danger.face_changed"
        falsepositives = "A page that teaches defacement by example"
        guide_vi = "Chuyển trang sang chế độ bảo trì, giữ nguyên bản gốc làm bằng chứng, tìm đường vào (plugin, tài khoản quản trị, tải tệp), khôi phục từ bản sạch rồi đổi mọi mật khẩu."
        guide_en = "Put the page into maintenance, keep the original as evidence, find the way in (plug-in, admin account, upload), restore a clean copy, then change every password."
    strings:
        $boast = /<title>[^a-zA-Z<]{0,24}(hacked|h4cked|hack3d|owned|0wned|pwned|pwn3d|defaced|d3faced|stamped|touched|fucked|rooted)\s{1,3}(by|bY|By|BY|with)\b/ nocase
        $shell_by = /<title>[^a-zA-Z<]{0,24}(you|site|website|web|this site)\s(got|was|has been|is|have been)\s(hacked|h4cked|pwned|owned|defaced)\b/ nocase
        $vietnamese = /<title>[^a-zA-Z<]{0,24}(trang (web )?(này )?)?(đã )?bị (hack|tấn công|chiếm quyền)( bởi| by)/ nocase
    condition:
        any of them
}

rule CityWatch_Defaced_Body
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e02"
        title = "A page carries the signs of a defacement"
        title_vi = "Trang mang nhiều dấu hiệu bị thay đổi giao diện"
        description = "A boast in a heading and other habits of defacers (greetings to a crew, mocked security, music, blocked mouse) on one short page."
        severity = "high"
        category = "defacement"
        tags = "attack.impact, attack.t1491.002, citywatch.danger.face_changed"
        falsepositives = "A page that collects defacements"
        guide_vi = "So sánh với bản lưu gần nhất; nếu đúng là bị thay đổi, xử lý như tiêu đề bị chiếm quyền: bảo trì, giữ bằng chứng, tìm đường vào, khôi phục."
        guide_en = "Compare with the last good copy; if it was changed, act as for a taken-over title: maintenance, evidence, way in, restore."
    strings:
        $boast = /<(h[1-3]|center|font|marquee|b|strong|blink|p|pre|span|div)\b[^>]{0,200}>[^a-zA-Z<]{0,24}(hacked|h4cked|hack3d|owned|0wned|pwned|pwn3d|defaced|d3faced|stamped)\s{1,3}by\b/ nocase
        $boast_vi = /<(h[1-3]|center|font|marquee|b|strong|p|span|div)\b[^>]{0,200}>[^a-zA-Z<]{0,24}(trang (web )?(này )?)(đã )?bị (hack|chiếm quyền)/ nocase
        $g1 = /\b(greetz|gr33tz|greets|greetings?)\s{0,3}(to|t0|2|:|fly)/ nocase
        $g2 = /\b(we are (legion|anonymous|everywhere)|expect us|no system is safe|security is (just )?an illusion|nothing is secure)\b/ nocase
        $g3 = /\b(your|ur|u r) (security|server|site|website|system) (is|was|get|got) (0%|low|weak|bad|fucked|down|hacked|owned|rooted|pwned|gone)/ nocase
        $g4 = /\b(patch (your|ur) (system|site|server|bug|hole)|message (to|for) (the )?(admin|government)|(dear|hello|hi|sorry) (mr\.? )?admin|admin (noob|lamer))\b/ nocase
        $g5 = /\b(cyber (army|team|crew|attacker)|h4ck(er|3r)|hacker(s)? team|hack(ing)? crew|ghost team|xploit(er)?|1337|haxor)\b/ nocase
        $g6 = /oncontextmenu\s*=\s*["']?\s*return false/ nocase
        $g7 = /<(audio|embed|bgsound)\b[^>]{0,200}(autoplay|autostart|loop)/ nocase
        $g8 = /\b(zone-h\.org|mirror-h\.org|defacer\.id|haxor\.id|zone-xsec)\b/ nocase
        $g9 = /\b(tu huella|was here|index (has been|was) (changed|replaced)|no data (was )?(lost|deleted)|we just (hacked|changed) (your|the) index)\b/ nocase
    condition:
        filesize < 200KB and any of ($boast*) and 2 of ($g*)
}

rule CityWatch_Ransom_Note
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e03"
        title = "A ransom note"
        title_vi = "Thư đòi tiền chuộc dữ liệu"
        description = "Says that files or a database were encrypted or taken, and asks for coins or a hidden-service contact."
        severity = "critical"
        category = "loss"
        tags = "attack.impact, attack.t1486, citywatch.danger.loss"
        falsepositives = "An advisory that quotes a whole note"
        guide_vi = "Ngắt máy khỏi mạng, không tắt nguồn, không trả tiền; giữ thư và tệp mẫu; kiểm tra bản sao lưu ngoại tuyến; báo đội ứng cứu ngay."
        guide_en = "Disconnect the machine from the network, do not power it off, do not pay; keep the note and sample files; check offline backups; call the response team at once."
    strings:
        $lost = /\b(all )?(your|of your) (important )?(files|documents|data|databases?|network)( and [a-z]{3,12})?( (has|have|had) been| (was|were|are|is))( now)? (encrypted|locked|stolen|dumped|backed up on our|downloaded and encrypted)/ nocase
        $lost_vi = /(tệp|dữ liệu|cơ sở dữ liệu)( quan trọng)?( của (bạn|quý vị))? đã bị (mã hóa|mã hoá|khóa|đánh cắp)/ nocase
        $pay1 = /\b(pay|send|transfer)\b.{0,60}\b(bitcoins?|btc|monero|xmr|ransom)\b/ nocase
        $pay2 = /[a-z2-7]{56}\.onion/ nocase
        $pay3 = /\b(decrypt(ion|or|er)|recover(y)?) (key|tool|software|id|program|your (files|data))/ nocase
        $pay4 = /\b(personal|decryption|unique|client) id\s{0,3}[:=]/ nocase
        $pay5 = /(chuyển|gửi|trả).{0,60}(bitcoin|btc|tiền chuộc)/ nocase
        $threat1 = /do not (try to )?(rename|modify|shut ?down|recover|decrypt|use third)/ nocase
        $threat2 = /\b(will be (published|leaked|sold|deleted)|price will (double|increase)|after (24|48|72) hours)\b/ nocase
    condition:
        filesize < 60KB and any of ($lost*) and 2 of ($pay*, $threat*)
}
