"""Texts of many languages, long and short, with the old encodings that each was written in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple


class Writing(NamedTuple):
    """A language's texts, and the codecs of Python for them."""

    language: str
    long: str
    short: tuple[str, ...]
    codecs: tuple[str, ...]


WRITINGS: Final = (
    Writing(
        "German",
        "Die Fähre nach Varn fährt im Winter nur zweimal täglich. Bei Sturm über "
        "acht Beaufort fällt sie aus; die Gäste müssen dann im Gasthaus "
        "übernachten. Der Wirt heißt Müller und schließt die Tür erst, wenn das "
        "letzte Licht am Leuchtturm erlischt.",
        (
            "Größe: 5 m",
            "Schöne Grüße aus Köln",
            "Straßenbahn fährt später",
            "Preis: 10 € – fällig",
        ),
        ("cp1252",),
    ),
    Writing(
        "French",
        "Le gardien du phare écrit chaque soir dans son carnet ce qu’il a vu : "
        "la marée, les bateaux passés, la couleur du ciel. À l’été il reçoit des "
        "élèves de l’école voisine, à qui il montre la grande lentille et "
        "l’horloge qui la fait tourner sans bruit.",
        (
            "Élève à l’école",
            "Prénom;Âge;Ville",
            "Où est le garçon ?",
            "œuvre complète à 12 €",
        ),
        ("cp1252",),
    ),
    Writing(
        "Spanish",
        "El puerto de la bahía abre a las seis de la mañana. Los pescadores "
        "venden allí su captura, y los niños del barrio corren entre las cajas. "
        "¿Cuánto cuesta el kilo de atún? Depende del día, de la marea y del "
        "humor de la señora Núñez, que fija el precio.",
        (
            "¿Dónde está el niño?",
            "Año de construcción",
            "Niñez y corazón",
        ),
        ("cp1252",),
    ),
    Writing(
        "Portuguese",
        "A barca atravessa o rio três vezes por dia. Não há cobrança aos "
        "domingos, porque o capitão não gosta de contar moedas depois da missa. "
        "As crianças viajam à frente, onde o vento é mais forte e se vêem melhor "
        "as gaivotas que seguem a embarcação.",
        (
            "Condições e preços",
            "Não há pão",
            "Informação à população",
        ),
        ("cp1252",),
    ),
    Writing(
        "Italian",
        "Il faro è stato costruito più di cento anni fa; perciò la città lo "
        "considera un monumento. L’umidità però ha rovinato le scale, e così "
        "nessuno può salire finché il comune non avrà trovato i soldi per "
        "ripararle. Sarà pronto in primavera, dicono.",
        (
            "Perché no? È così.",
            "Qualità e quantità",
            "La città più bella",
        ),
        ("cp1252",),
    ),
    Writing(
        "Swedish",
        "Färjan går från bryggan klockan åtta. Den som vill åka med måste vara "
        "där i god tid, för kaptenen väntar inte på någon. På ön finns ett fik "
        "där man får kaffe och våfflor, och en liten affär som säljer färskt "
        "bröd, smör och ägg från gården intill.",
        (
            "Åker du på lördag?",
            "Färskt bröd och smör",
            "Höga räntor i år",
        ),
        ("cp1252",),
    ),
    Writing(
        "Danish",
        "Færgen sejler fra broen klokken otte. Den, der vil med, skal være der i "
        "god tid, for kaptajnen venter ikke på nogen. På øen ligger en kro, hvor "
        "man får kaffe og vafler, og en lille købmand, som sælger frisk brød, "
        "smør og æg fra gården ved siden af.",
        (
            "Hvornår går færgen?",
            "Frisk brød og æg",
            "På øen er der få træer",
        ),
        ("cp1252",),
    ),
    Writing(
        "Finnish",
        "Lautta lähtee laiturista kello kahdeksan. Sen, joka tahtoo mukaan, "
        "täytyy olla paikalla ajoissa, sillä kapteeni ei odota ketään. Saarella "
        "on kahvila, josta saa kahvia ja vohveleita, sekä pieni kauppa, joka myy "
        "tuoretta leipää, voita ja munia naapurin tilalta.",
        (
            "Hyvää päivää",
            "Tämä on lyhyt viesti",
            "Pääsymaksu: 5 €",
        ),
        ("cp1252",),
    ),
    Writing(
        "English with signs",
        "The Acme™ Widget® is sold in many countries. It costs £5. “Quoted” "
        "words — with dashes… and ½ a pound at 20 °C, © 2024 by the makers. Its "
        "size is 3 × 4 m and it’s good.",
        (
            "Acme™ Widget®",
            "© 2024 Acme",
            "3 × 4 ½ m",
            "It’s “quoted”",
            "£5 each",
        ),
        ("cp1252",),
    ),
    Writing(
        "Polish",
        "Prom odpływa z przystani o ósmej. Kto chce płynąć, musi być na czas, bo "
        "kapitan na nikogo nie czeka. Na wyspie jest kawiarnia, w której można "
        "zjeść gofry i wypić kawę, oraz mały sklep, gdzie sprzedają świeży "
        "chleb, masło i jajka z sąsiedniego gospodarstwa. Źródło wody leży za "
        "wzgórzem, a ścieżka wiedzie przez las.",
        (
            "Zażółć gęślą jaźń",
            "Świeży chleb i masło",
            "Łódź, wrzesień",
            "Książka o Śląsku",
        ),
        (
            "cp1250",
            "iso8859_2",
        ),
    ),
    Writing(
        "Czech",
        "Přívoz odplouvá z mola v osm hodin. Kdo chce jet, musí přijít včas, "
        "protože převozník na nikoho nečeká. Na ostrově je kavárna, kde "
        "dostanete kávu a vafle, a malý obchod, v němž se prodává čerstvý chléb, "
        "máslo a vejce ze sousedního statku. Šťastnou cestu všem, kteří žijí u "
        "řeky!",
        (
            "Příliš žluťoučký kůň",
            "Čerstvý chléb",
            "Děkuji, šéfe",
            "Žádost o příspěvek",
        ),
        (
            "cp1250",
            "iso8859_2",
        ),
    ),
    Writing(
        "Hungarian",
        "A komp nyolc órakor indul a kikötőből. Aki utazni akar, annak időben "
        "ott kell lennie, mert a kapitány senkire sem vár. A szigeten van egy "
        "kávézó, ahol kávét és gofrit adnak, és egy kis bolt, amely friss "
        "kenyeret, vajat és tojást árul a szomszéd gazdaságból. Győr felől erős "
        "szél fúj.",
        (
            "Árvíztűrő tükörfúrógép",
            "Győr, őszi idő",
            "Köszönöm szépen",
        ),
        (
            "cp1250",
            "iso8859_2",
        ),
    ),
    Writing(
        "Romanian",
        "Bacul pleacă de la debarcader la ora opt. Cine vrea să călătorească "
        "trebuie să fie acolo la timp, fiindcă nu aşteaptă pe nimeni căpitanul. "
        "Pe insulă este o cafenea unde se poate bea cafea şi se mănâncă gofre, "
        "şi un mic magazin care vinde pâine proaspătă, unt şi ouă de la ferma "
        "învecinată. Ţara e frumoasă în toamnă.",
        (
            "Pâine proaspătă şi ţuică",
            "Înălţimea dealului",
            "Şcoala şi biserica",
        ),
        (
            "cp1250",
            "iso8859_2",
        ),
    ),
    Writing(
        "Croatian",
        "Trajekt isplovljava iz luke u osam sati. Tko želi putovati, mora doći "
        "na vrijeme, jer kapetan nikoga ne čeka. Na otoku je kavana u kojoj se "
        "dobije kava i vafli, i mala trgovina koja prodaje svježi kruh, maslac i "
        "jaja sa susjednog imanja. Šetnja uz more traje čitav sat, a đaci često "
        "trče.",
        (
            "Svježi kruh i žito",
            "Čaša vode, šećer",
            "Đaci i učitelji",
        ),
        (
            "cp1250",
            "iso8859_2",
        ),
    ),
    Writing(
        "Russian",
        "Паром отходит от причала в восемь часов. Кто хочет ехать, должен прийти "
        "вовремя, потому что капитан никого не ждёт. На острове есть кафе, где "
        "подают кофе и вафли, и маленький магазин, в котором продают свежий "
        "хлеб, масло и яйца с соседней фермы.",
        (
            "Привет, мир",
            "Свежий хлеб",
            "Цена: 12 рублей",
            "Москва, март 2020",
        ),
        (
            "cp1251",
            "koi8_r",
            "iso8859_5",
            "cp866",
        ),
    ),
    Writing(
        "Ukrainian",
        "Пором відходить від причалу о восьмій годині. Хто хоче їхати, мусить "
        "прийти вчасно, бо капітан нікого не чекає. На острові є кав’ярня, де "
        "подають каву й вафлі, і маленька крамниця, в якій продають свіжий хліб, "
        "масло та яйця із сусідньої ферми. Їжак живе в лісі.",
        (
            "Привіт, світе",
            "Свіжий хліб і їжа",
            "Київ, вересень",
        ),
        (
            "cp1251",
            "koi8_u",
        ),
    ),
    Writing(
        "Bulgarian",
        "Фериботът тръгва от пристана в осем часа. Който иска да пътува, трябва "
        "да дойде навреме, защото капитанът не чака никого. На острова има "
        "кафене, където дават кафе и гофрети, и малък магазин, в който се "
        "продават пресен хляб, масло и яйца от съседната ферма.",
        (
            "Здравей, свят",
            "Пресен хляб и ябълки",
            "България, септември",
        ),
        ("cp1251",),
    ),
    Writing(
        "Greek",
        "Το πλοίο φεύγει από την αποβάθρα στις οκτώ. Όποιος θέλει να ταξιδέψει "
        "πρέπει να είναι εκεί εγκαίρως, γιατί ο καπετάνιος δεν περιμένει "
        "κανέναν. Στο νησί υπάρχει ένα καφενείο και ένα μικρό μαγαζί που πουλά "
        "φρέσκο ψωμί, βούτυρο και αυγά από το διπλανό αγρόκτημα. Άγιος Νικόλαος.",
        (
            "Καλημέρα κόσμε",
            "Φρέσκο ψωμί",
            "Αθήνα, Έλληνες",
        ),
        (
            "cp1253",
            "iso8859_7",
        ),
    ),
    Writing(
        "Hebrew",
        "המעבורת יוצאת מהרציף בשעה שמונה. מי שרוצה לנסוע חייב להגיע בזמן, כי "
        "הקברניט אינו מחכה לאיש. באי יש בית קפה שבו מגישים קפה וופלים, וחנות "
        "קטנה שמוכרת לחם טרי, חמאה וביצים מהמשק השכן.",
        (
            "שלום עולם",
            "לחם טרי",
            "ירושלים, מרץ",
        ),
        (
            "cp1255",
            "iso8859_8",
        ),
    ),
    Writing(
        "Arabic",
        "تغادر العبارة الرصيف في الساعة الثامنة. على من يريد السفر أن يصل في "
        "الوقت المناسب لأن القبطان لا ينتظر أحدا. في الجزيرة مقهى يقدم القهوة "
        "والفطائر ومتجر صغير يبيع الخبز الطازج والزبدة والبيض من المزرعة "
        "المجاورة.",
        (
            "مرحبا بالعالم",
            "الخبز الطازج",
            "مدينة القاهرة",
        ),
        (
            "cp1256",
            "iso8859_6",
        ),
    ),
    Writing(
        "Turkish",
        "Feribot iskeleden saat sekizde kalkar. Yolculuk etmek isteyen zamanında "
        "orada olmalıdır, çünkü kaptan kimseyi beklemez. Adada kahve ve waffle "
        "veren bir kahvehane ile komşu çiftlikten taze ekmek, tereyağı ve "
        "yumurta satan küçük bir dükkân vardır. Işık söndüğünde herkes evine "
        "gider.",
        (
            "Taze ekmek ve tereyağı",
            "Işık ve gölge",
            "İstanbul, ağustos",
            "Çiçekçi dükkânı",
        ),
        (
            "cp1254",
            "iso8859_9",
        ),
    ),
    Writing(
        "Lithuanian",
        "Keltas iš prieplaukos išplaukia aštuntą valandą. Kas nori keliauti, "
        "turi ateiti laiku, nes kapitonas nieko nelaukia. Saloje yra kavinė, "
        "kurioje duoda kavos ir vaflių, ir maža parduotuvė, prekiaujanti šviežia "
        "duona, sviestu ir kiaušiniais iš gretimo ūkio. Ąžuolas žydi, širdis "
        "džiaugiasi.",
        (
            "Ąžuolas žydi pavasarį",
            "Šviežia duona",
            "Gegužės dešimtą dieną",
            "Šiauliai, rugsėjis",
        ),
        (
            "cp1257",
            "iso8859_13",
        ),
    ),
    Writing(
        "Latvian",
        "Prāmis no piestātnes atiet pulksten astoņos. Kas grib braukt, tam jābūt "
        "laikā, jo kapteinis nevienu negaida. Uz salas ir kafejnīca, kur dod "
        "kafiju un vafeles, un mazs veikals, kas pārdod svaigu maizi, sviestu un "
        "olas no kaimiņu saimniecības. Rīga ir skaista pilsēta, ģimenes šeit "
        "dzīvo ilgi.",
        (
            "Svaiga maize",
            "Rīga, septembrī",
            "Ģimenes ēka šķērsiela",
            "Ķēniņš un žagata",
        ),
        (
            "cp1257",
            "iso8859_13",
        ),
    ),
    Writing(
        "Estonian",
        "Praam väljub sadamast kell kaheksa. Kes tahab sõita, peab õigel ajal "
        "kohal olema, sest kapten ei oota kedagi. Saarel on kohvik, kus saab "
        "kohvi ja vahvleid, ning väike pood, mis müüb värsket leiba, võid ja "
        "mune naabertalust. Õhtul süttib tuletornis šikk uus lamp ja žürii "
        "vaatab.",
        (
            "Värske leib ja või",
            "Õhtu jõudis kätte",
            "Tere, põhjamaa",
        ),
        (
            "cp1257",
            "cp1252",
        ),
    ),
    Writing(
        "Thai",
        "เรือข้ามฟากออกจากท่าเวลาแปดนาฬิกา ผู้ที่ต้องการเดินทางต้องมาให้ทันเวลา "
        "เพราะกัปตันไม่รอใคร บนเกาะมีร้านกาแฟและร้านค้าเล็ก ๆ ที่ขายขนมปังสด เนย "
        "และไข่จากฟาร์มข้างเคียง",
        (
            "สวัสดีชาวโลก",
            "ขนมปังสด",
            "กรุงเทพมหานคร",
        ),
        (
            "cp874",
            "tis_620",
        ),
    ),
    Writing(
        "Simplified Chinese",
        "渡轮八点钟从码头出发。想乘船的人必须准时到达，因为船长不等任何人。岛上有一家咖啡"
        "馆，供应咖啡和华夫饼，还有一家小商店，出售邻近农场的新鲜面包、黄油和鸡蛋。",
        (
            "你好，世界",
            "新鲜面包",
            "价格：十二元",
            "朱镕基",
        ),
        ("gb18030",),
    ),
    Writing(
        "Traditional Chinese",
        "渡輪八點鐘從碼頭出發。想乘船的人必須準時到達，因為船長不等任何人。島上有一家咖啡"
        "館，供應咖啡和鬆餅，還有一家小商店，出售鄰近農場的新鮮麵包、奶油和雞蛋。",
        (
            "你好，世界",
            "新鮮麵包",
            "價格：十二元",
            "會議記錄如下",
        ),
        ("big5",),
    ),
    Writing(
        "Japanese",
        "渡し船は八時に桟橋を出ます。乗りたい人は時間どおりに来なければなりません。船長は"
        "だれも待たないからです。島にはコーヒーとワッフルを出す喫茶店と、隣の農場の新しいパンやバター、卵を売る小さな店があります。",
        (
            "会議の議事録です。",
            "新しいパン",
            "お送りします。ご確認ください。",
            "東京都千代田区",
        ),
        (
            "cp932",
            "euc_jp",
            "iso2022_jp",
        ),
    ),
    Writing(
        "Korean",
        "나룻배는 여덟 시에 부두를 떠납니다. 타려는 사람은 제시간에 와야 "
        "합니다. 선장은 아무도 기다리지 않기 때문입니다. 섬에는 커피와 와플을 "
        "파는 찻집과 이웃 농장의 신선한 빵, 버터, 달걀을 파는 작은 가게가 있습니다.",
        (
            "안녕하세요 세계",
            "신선한 빵",
            "회의록을 보내 드립니다",
        ),
        ("cp949",),
    ),
)


class Encoded(NamedTuple):
    """A text as bytes."""

    language: str
    codec: str
    is_short: bool
    text: str
    raw: bytes


def encoded_texts() -> Iterator[Encoded]:
    """Return each text in each of its encodings, where it can be written in it."""
    for writing in WRITINGS:
        for text in (writing.long, *writing.short):
            for codec in writing.codecs:
                try:
                    raw = text.encode(codec)
                except UnicodeEncodeError:
                    continue
                yield Encoded(writing.language, codec, text != writing.long, text, raw)
