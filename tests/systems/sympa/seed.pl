# Makes the database and the lists of `lists/*.csv` (first line: subject; then address and name): seed.pl LISTS-FOLDER SEED-FOLDER.
use strict;
use warnings;
use lib '/usr/share/sympa/lib';
use Encode qw(encode_utf8);
use Conf;
use Sympa::DatabaseManager;
use Sympa::List;
use Sympa::Log;

my ( $home, $seed ) = @ARGV;
Conf::load() or die "the configuration cannot be read\n";
Sympa::Log->instance->{level} = 0;
Sympa::DatabaseManager::probe_db() or die "the database cannot be made\n";

for my $file ( glob "$seed/*.csv" ) {
    my ($name) = $file =~ m{([^/]+)\.csv$};
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    chomp( my ( $subject, @members ) = <$in> );
    mkdir "$home/$name" or die "$home/$name: $!\n";
    open my $out, '>:encoding(UTF-8)', "$home/$name/config" or die "$name: $!\n";
    print $out <<CONFIG;
subject $subject

status open

visibility noconceal

subscribe owner

send owner

owner
email listmaster\@lists.example.test
gecos Post Master
profile privileged

creation
email listmaster\@lists.example.test
date_epoch 1764500000
CONFIG
    close $out;
    my $list = Sympa::List->new( $name, $Conf::Conf{'domain'} ) or die "the list $name cannot be made\n";
    # Who owns a list is in what is reviewed, though no member of it.
    $list->add_list_admin( 'owner', { email => 'listmaster@lists.example.test', gecos => 'Post Master', profile => 'privileged' } );
    for my $line (@members) {
        my ( $email, $gecos ) = split /,/, $line, 2;
        $list->add_list_member( { email => $email, gecos => encode_utf8($gecos), date => 1764500000, update_date => 1764500000 } )
            or die "$email cannot be added to $name\n";
    }
    print "$name: ", scalar @members, "\n";
}
