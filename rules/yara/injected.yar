/* What did a stranger put into a page that still looks like itself? */

rule CityWatch_Hidden_Gambling_Links
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e21"
        title = "Gambling links hidden in a page"
        title_vi = "Liên kết cờ bạc giấu trong trang"
        description = "A block that is moved out of sight or made invisible holds links named after betting houses or games of chance."
        severity = "high"
        category = "spam"
        tags = "attack.impact, attack.t1491.002, attack.t1608.006, citywatch.danger.face_changed"
        falsepositives = "None known: an honest page does not hide such links"
        guide_vi = "Xóa khối bị chèn, tìm tệp PHP hoặc plugin đã chèn nó (xem tệp đổi gần đây), kiểm tra .htaccess và cơ sở dữ liệu, đổi mật khẩu quản trị, yêu cầu Google lập chỉ mục lại."
        guide_en = "Remove the block, find the PHP file or plug-in that adds it (recently changed files), check .htaccess and the database, change admin passwords, ask search engines to index anew."
    strings:
        $hidden_far = /style\s{0,2}=\s{0,2}["'][^"']{0,120}(left|top|right|text-indent|margin-left|margin-top)\s{0,2}:\s{0,2}-\s?[0-9]{3,6}(px|em|pt|%)[^"']{0,120}["'][^>]{0,80}>.{0,400}<a\s[^>]{0,300}>[^<]{0,60}(casino|cá cược|nhà cái|nổ hũ|xóc đĩa|tài xỉu|lô đề|soi cầu|kèo nhà cái|game bài|đánh bài|slot ?(gacor|online|game)|togel|judi|toto ?4d|fb88|w88|188bet|fun88|m88|bk8|jun88|789bet|new88|kubet|sunwin|go88|hitclub|rikvip|b52club|xoilac|sv388|đá gà|8xbet|hi88|shbet|okvip|maxwin)/ nocase
        $hidden_none = /style\s{0,2}=\s{0,2}["'][^"']{0,120}(display\s{0,2}:\s{0,2}none|visibility\s{0,2}:\s{0,2}hidden|font-size\s{0,2}:\s{0,2}0|opacity\s{0,2}:\s{0,2}0[;"' ]|height\s{0,2}:\s{0,2}[01]px)[^"']{0,120}["']?[^>]{0,80}>.{0,400}<a\s[^>]{0,300}>[^<]{0,60}(casino|cá cược|nhà cái|nổ hũ|xóc đĩa|tài xỉu|lô đề|soi cầu|kèo nhà cái|game bài|đánh bài|slot ?(gacor|online|game)|togel|judi|toto ?4d|fb88|w88|188bet|fun88|m88|bk8|jun88|789bet|new88|kubet|sunwin|go88|hitclub|rikvip|b52club|xoilac|sv388|đá gà|8xbet|hi88|shbet|okvip|maxwin)/ nocase
    condition:
        what != "request_body" and any of them
}

rule CityWatch_Gambling_Page
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e22"
        title = "A page that sells gambling"
        title_vi = "Trang quảng cáo cờ bạc"
        description = "Title or description speak of betting and many links and words of it follow."
        severity = "high"
        category = "spam"
        tags = "attack.impact, attack.t1491.002, attack.t1608.006, citywatch.danger.face_changed"
        falsepositives = "The portal of a lottery authority; a long article on illegal betting"
        guide_vi = "Kiểm tra trang con mới và quy tắc viết lại địa chỉ; xóa trang, tìm đường chèn, yêu cầu gỡ khỏi kết quả tìm kiếm."
        guide_en = "Look for new sub-pages and rewrite rules; remove the page, find the way in, ask search engines to drop it."
    strings:
        $head = /<(title|h1)\b[^>]{0,80}>[^<]{0,120}(nhà cái|cá cược|nổ hũ|xóc đĩa|tài xỉu|game bài|casino (trực tuyến|online)|online casino|slot (gacor|online|game)|togel|judi online|situs (slot|judi|togel)|sportsbook|đá gà|kèo nhà cái|bandar)/ nocase
        $meta = /<meta\b[^>]{0,60}content\s{0,2}=\s{0,2}["'][^"'>]{0,200}(nhà cái|cá cược|nổ hũ|tài xỉu|game bài|slot gacor|situs slot|judi online|togel|casino online|daftar slot)/ nocase
        $house = /nhà cái|cá cược|nổ hũ|tài xỉu|xóc đĩa|game bài|kèo nhà|soi cầu|bắn cá|đá gà/ nocase
        $lure = /khuyến mãi|tặng [0-9]{2,3}k|hoàn trả|nạp tiền|rút tiền|nạp đầu|đăng ký (ngay|tài khoản|nhận)/ nocase
        $slot = /(situs|agen|bandar|link|daftar|rtp|akun|game|judi)( [a-z0-9]{2,12})? (slot|togel|judi|gacor)|slot( [a-z]{2,9})? (gacor|online|maxwin|dana|pulsa|deposit)|slot ?(88|777)|judi (online|bola|slot)|togel (online|terpercaya)/ nocase
        $game = /\b(baccarat|blackjack|roulette|jackpot|scatter|maxwin|pragmatic play|sbobet|sportsbook|casino)\b/ nocase
        $name = /\b(fb88|w88|188bet|fun88|m88|bk8|jun88|789bet|new88|kubet|sunwin|go88|hitclub|rikvip|b52|xoilac|8xbet|hi88|shbet)\b/ nocase
    condition:
        what != "request_body" and
        (
            #slot > 20 or
            (any of ($head, $meta) and (#slot > 5 or (#house > 5 and ($lure or $game or $name)) or (#house + #game + #name > 15)))
        )
}

rule CityWatch_Search_Visitor_Redirect
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e23"
        title = "A script sends visitors from search engines elsewhere"
        title_vi = "Mã chuyển hướng người đến từ công cụ tìm kiếm"
        severity = "high"
        category = "spam"
        tags = "attack.impact, attack.t1491.002, citywatch.danger.face_changed"
        falsepositives = "A campaign page that greets search visitors on another address of its own"
        guide_vi = "Tìm mã bị chèn trong giao diện, tệp JavaScript hoặc .htaccess; so với bản sạch; đổi mật khẩu quản trị."
        guide_en = "Find the injected code in the theme, JavaScript files or .htaccess; compare with a clean copy; change admin passwords."
    strings:
        $script = /document\.referrer.{0,160}(google|bing|yahoo|coc ?coc|yandex|duckduckgo|baidu).{0,400}(location(\.href)?\s{0,2}=|location\.(replace|assign)\s{0,2}\()\s{0,2}["']https?:/s nocase
        $agent = /(navigator\.userAgent|HTTP_USER_AGENT).{0,200}(googlebot|bingbot|coccocbot).{0,400}(location(\.href)?\s{0,2}=|location\.(replace|assign)\s{0,2}\(|file_get_contents\s{0,2}\(|header\s{0,2}\(\s{0,2}["']location)/s nocase
        $server = /HTTP_REFERER.{0,200}(google|bing|coccoc).{0,400}header\s{0,2}\(\s{0,2}["']location/s nocase
        $rewrite = /RewriteCond\s{1,8}%\{HTTP_REFERER\}[^\n]{0,200}(google|bing|coccoc|yahoo).{0,300}RewriteRule\s[^\n]{0,200}https?:\/\//s nocase
    condition:
        any of them
}

rule CityWatch_Miner_Script
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e24"
        title = "A page mines coins in visitors' browsers"
        title_vi = "Trang đào tiền ảo trên máy người xem"
        severity = "high"
        category = "web_attack"
        tags = "attack.impact, attack.t1496.001, citywatch.danger.face_changed"
        falsepositives = "A block list or an article with the code itself"
        guide_vi = "Gỡ thẻ script lạ; kiểm tra thư viện bên thứ ba; tìm đường chèn; đặt Content-Security-Policy."
        guide_en = "Remove the foreign script tag; check third-party libraries; find the way in; set a Content-Security-Policy."
    strings:
        $start = /new\s{1,4}(CoinHive|CryptoLoot|CRLT|Client|CoinImp|DeepMiner|WebMinePool|Minero|JSEcoin)\s{0,4}\.\s{0,4}(Anonymous|User|Token)\s{0,4}\(/ nocase
        $source = /<script\b[^>]{0,200}src\s{0,2}=\s{0,2}["'][^"']{0,120}(coinhive|coin-hive|crypto-loot|cryptoloot|coinimp|webminepool|deepminer|minero\.cc|monerominer|jsecoin|hashing\.win|xmrminer|webmr)[^"']{0,80}\.js/ nocase
        $pool = /wss?:\/\/[a-z0-9.\-]{4,80}(:[0-9]{2,5})?\/?[^"'\s]{0,40}(pool|proxy|stratum|miner)/ nocase
        $engine = /\b(cryptonight|cn\/r|randomx|argon2d_chukwa|hashesPerSecond|setNumThreads|throttleMiner|startMining)\b/ nocase
        $threads = /\b(hardwareConcurrency|new Worker\s{0,2}\(|WebAssembly\.instantiate)/
    condition:
        what != "request_body" and ($start or $source or ($engine and $pool and $threads))
}

rule CityWatch_Card_Skimmer
{
    meta:
        id = "0c1f7a52-5b0e-4a37-9d0a-6f5a3c2f9e25"
        title = "A script copies card or login fields to a stranger"
        title_vi = "Mã sao chép số thẻ hoặc mật khẩu gửi ra ngoài"
        description = "Reads payment fields, packs them, and sends them by a picture, beacon or request of its own."
        severity = "critical"
        category = "leak"
        tags = "attack.collection, attack.t1056.003, attack.exfiltration, citywatch.danger.leak"
        falsepositives = "A payment provider's own script"
        guide_vi = "Gỡ mã ngay, tạm dừng trang thanh toán, giữ tệp làm bằng chứng, xác định thời gian bị chèn để báo người bị ảnh hưởng."
        guide_en = "Remove the code at once, pause the payment page, keep the file as evidence, find since when it was there to tell those affected."
    strings:
        $f1 = /\b(card[_-]?num(ber)?|cc[_-]?num(ber)?|cardnumber|ccnum|so_the|sothe)\b/ nocase
        $f2 = /\b(cvv2?|cvc2?|cc[_-]?cid|card[_-]?code|security[_-]?code)\b/ nocase
        $f3 = /\b(exp[_-]?(month|year|date|mm|yy)|cc[_-]?exp|expir(y|ation))/ nocase
        $read = /(querySelectorAll|getElementsByTagName|document\.forms|getElementById|serializeArray)\b/
        $when = /(addEventListener\s{0,2}\(\s{0,2}["'](submit|click|change|blur|mousedown|keyup|beforeunload)|setInterval\s{0,2}\(|onclick\s{0,2}=)/ nocase
        $pack = /\b(btoa|encodeURIComponent|JSON\.stringify|escape)\s{0,2}\(/
        $send = /(new\s{1,3}Image\s{0,2}\(\s{0,2}\)|createElement\s{0,2}\(\s{0,2}["']img["']\s{0,2}\)).{0,160}\.src\s{0,2}=\s{0,2}.{0,120}(\+|\$\{)|navigator\.sendBeacon\s{0,2}\(\s{0,2}["']https?:|\b(fetch|\.open)\s{0,2}\(\s{0,2}(["']POST["']\s{0,2},\s{0,2})?(atob\s{0,2}\(|["']https?:\/\/)/s
        $guard = /(location\.(href|pathname)|document\.URL|document\.location).{0,80}(checkout|onepage|payment|thanh-?toan|onestep|firecheckout|cart)/ nocase
        $hide = /\b(atob\s{0,2}\(\s{0,2}["']|String\.fromCharCode\s{0,2}\(|_0x[0-9a-f]{4,6})/
    condition:
        filesize < 1MB and what != "request_body" and $f1 and any of ($f2, $f3) and $read and $when and $pack and $send and any of ($guard, $hide)
}
