//! First names that stand for each other: short forms, pet names, and the same name in neighbouring languages. Comparable spelling
//! ([`super::normal`]): ASCII, umlauts without their dots. A form may stand in several lines (`alex`, `chris`): it is like any name of each.

use std::collections::HashMap;
use std::sync::LazyLock;

/// One name per line, its forms after it.
const FORMS: &str = "
abigail abby gail
albert al bert bertie albrecht
alexander alex sandy xander sascha alessandro alejandro alexandre sasha
alexandra alex sandra sandy sascha sasha
alfred al alf fred freddy
andrew andy drew andreas andre andrea andrzej andrei
anna ann anne annie hanna hannah nancy anja anita
agnes aggie nessa inez
amelia amy millie
anthony tony anton antonio antoine toni
antonia toni antje
arthur art artie arturo artur
augustus gus augustine august augusto
barbara barb babs barbie baerbel barbel
benjamin ben benny benji
bernard bernie bernd bernhard
catherine cathy kate katie kathy cat katherine kathryn katharina katrin kathrin karin catarina caterina katja
charles charlie charley chuck carl karl carlos carlo
charlotte charlie lotte lottie
christian chris christen kristian
christina chris tina christine kristin kristina kirsten
christopher chris kit topher christoph christof kristof cristobal
daniel dan danny
david dave davey
deborah deb debbie debby
dieter dietrich
dominic dom nick dominik dominique
donald don donny
dorothy dot dottie dolly dorothea dora thea
edmund ed eddie eddy ned ted edmond
edwin ed eddie eddy win
edward ed eddie eddy ted ned eduard edoardo eduardo
elizabeth liz lizzie beth betty eliza elisabeth lisa elsa else elli libby isabel isabella
eleanor ellie nell nora eleonore elena
emily em emmy emilia
eugene gene eugen
florence flo florenz
francis frank frankie fran franz francisco francesco francois paco franco
frances fran fanny frankie francesca franziska
frederick fred freddy fritz friedrich frederik federico
gabriel gabe
gabriele gabi gaby gabriela gabriella
george georgie geordie georg jorg jurgen jorge giorgio georges jerzy
gerald gerry jerry gerhard gerd gert
gertrude trudy trude gerti
gregory greg gregor grigori
harold harry hal harald
henry hank hen harry hal heinrich heinz henri enrico enrique heiner henryk
herbert herb bert heribert
hubert bert hugh
hugh hughie hugo ugo
herman herm hermann
hilda hildegard hilde
horatio horace
isaac ike
jacob jake jakob jack jacques
james jim jimmy jamie jay jacques jaime giacomo
jennifer jen jenny jenna
jessica jess jessie
john jack johnny jon jock evan johannes hans johann jan jean juan giovanni ivan ian sean joao janos
jonathan jon jonny nathan
joseph joe joey josef sepp jose giuseppe pepe jozef jupp
josephine jo josie josefine josefa
joshua josh
judith judy jude
julia julie jule giulia
katherine kathy kate
kenneth ken kenny
lionel lyonel leo
llewellyn llew lyn
lawrence larry lars laurence lorenz lorenzo laurent
leonard leo len lenny leonhard leonardo
louis lou louie ludwig luis luigi ludovic lutz
louise lou luise luisa
lucas luke luc lukas luca
margaret maggie meg peggy marge margie greta margarete gretel margarita margherita rita madge daisy grete
maria mary marie molly polly mia miriam mitzi
mark marc marcus markus marco
martha marta patty
martin marty marten
matthew matt matthias matthias mathieu matteo mateo mattias
maximilian max maxi massimiliano
michael mike mick mickey micha michel miguel michele mikhail mihail misha michal
natalie nat natalia
nathaniel nat nate nathan
nicholas nick nicky nico klaus claus nikolaus nicolas niklas nicola niels nikolai
olivia liv livvy
oliver ollie olli olivier
oscar oskar
pamela pam
patricia pat patty trish tricia patrizia
patrick pat paddy patrice
paul pablo paolo pavel pauli
peter pete pieter pedro pietro pierre petr piotr
philip phil pip philipp philippe felipe filippo
rachel rae rahel
raymond ray raimund ramon
rebecca becky becca rebekka
richard rick ricky richie ritchie dick rich riccardo ricardo
robert rob bob bobby robbie robby bert roberto rupert robin
roger rodger rudiger
ronald ron ronny reinhold
rudolph rudy rolf rudolf rudi
samuel sam sammy
samantha sam
sara sarah sally
sebastian seb bastian basti sebastien
sophia sophie sofia sofie
stanley stan stanislaw stanislaus
stephen steve steven stephan stefan esteban stefano etienne
stephanie steph steffi stefanie stefania
susan sue suzy susie susanne suzanne susanna
teresa terry tess theresa therese tessa resi
terence terry
theodore ted teddy theo theodor
thomas tom tommy tommie tomas tommaso tomasz
timothy tim timmy
ulrich uli ulli
valentine val valentin
veronica vera ronnie veronika
victor vic viktor vittorio
victoria vicky tori viktoria vittoria
vincent vince vinny vinzenz vincenzo
virginia ginny
walter walt wally wat
wilhelm willi willie willy gwilym liam william will bill billy guillaume guillermo guglielmo wim wilfried
winifred winnie freddie
yvonne ivonne
zachary zach zack
";

/// Form → lines that it stands in.
static LINES: LazyLock<HashMap<&'static str, Vec<u16>>> = LazyLock::new(|| {
    let mut lines: HashMap<&str, Vec<u16>> = HashMap::new();
    for (number, line) in FORMS.lines().enumerate() {
        for form in line.split(' ').filter(|form| !form.is_empty()) {
            lines.entry(form).or_default().push(number as u16);
        }
    }
    lines
});

/// Whether two first names in comparable spelling may be forms of one.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    let first = |name: &str| LINES.get(name.split(' ').next().unwrap_or_default());
    matches!((first(one), first(other)), (Some(one), Some(other)) if one.iter().any(|line| other.contains(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_name() {
        for (one, other, expected) in [
            ("bob", "robert", true),
            ("robert", "bob", true),
            ("bill", "william", true),
            ("alex", "alexandra", true),
            ("alex", "alexander", true),
            ("alexander", "alexandra", false),
            ("bob", "william", false),
            ("hans", "johannes", true),
            ("klaus", "nikolaus", true),
            ("jan peter", "john", true),
            ("", "", false),
            ("zzz", "zzz", false),
        ] {
            assert_eq!(same_name(one, other), expected, "{one} {other}");
        }
    }
}
