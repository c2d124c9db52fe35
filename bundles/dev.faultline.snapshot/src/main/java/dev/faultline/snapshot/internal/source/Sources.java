// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

import dev.faultline.api.service.Others;
import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.PageSourceFactory;
import dev.faultline.api.snapshot.SnapshotException;
import dev.faultline.api.snapshot.SnapshotException.Kind;
import dev.faultline.snapshot.internal.format.Origin;
import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Constants;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Opens the places that snapshots are read from: directories of this host, and whatever page
 * sources are plugged in for.
 */
@Component(service = Sources.class, configurationPid = Sources.PID)
@Designate(ocd = Sources.Config.class)
public final class Sources {
    public static final String PID = "dev.faultline.snapshot.source";
    private static final System.Logger LOG = System.getLogger(Sources.class.getName());

    /** What a page source is allowed. A change holds from the next request on. */
    @ObjectClassDefinition(
            id = PID,
            name = "Faultline page sources",
            description = "How long snapshots that are not in a local directory may take to answer")
    public @interface Config {
        @AttributeDefinition(
                name = "Deadline",
                description =
                        "Milliseconds that a guest waits for a page, retries included, before its machine is paused",
                min = "1",
                max = "300000")
        long deadline() default 10_000;

        @AttributeDefinition(
                name = "Attempt",
                description = "Milliseconds after which one request is given up",
                min = "1",
                max = "300000")
        long attempt() default 4_000;

        @AttributeDefinition(
                name = "Retries",
                description = "Requests made again after one that failed",
                min = "0",
                max = "100")
        int retries() default 3;

        @AttributeDefinition(
                name = "Back-off",
                description =
                        "Milliseconds before the first retry; each further one waits twice as long",
                min = "0",
                max = "300000")
        long backoff() default 100;

        @AttributeDefinition(
                name = "Local deadline",
                description =
                        "Milliseconds that a guest waits for a page from files of this host (a disk that spins up, a network file system) before its machine is paused",
                min = "1",
                max = "300000")
        long local_deadline() default 30_000;

        @AttributeDefinition(
                name = "Gap",
                description =
                        "Bytes between two wanted ranges up to which one request asks for both, while at most a fifth is unwanted",
                min = "0",
                max = "1048576")
        int gap() default 64 << 10;
    }

    private record Offer(PageSourceFactory factory, Set<String> schemes, int ranking, long id) {}

    private final List<Offer> offers = new CopyOnWriteArrayList<>();
    private final Map<RemoteOrigin, At> remotes = new ConcurrentHashMap<>();
    private volatile SourcePolicy policy = SourcePolicy.DEFAULT;

    /** For tests: how a directory is read. */
    public Function<Path, PageSource> directories = DirectorySource::new;

    @Activate
    public Sources(Config config) {
        modified(config);
    }

    public Sources(SourcePolicy policy) {
        this.policy = policy;
    }

    /** For tests: another policy, from the next request on. */
    public void use(SourcePolicy changed) {
        policy = changed;
    }

    @Modified
    void modified(Config c) {
        try {
            policy =
                    new SourcePolicy(
                            c.deadline(),
                            c.attempt(),
                            c.retries(),
                            c.backoff(),
                            c.local_deadline(),
                            c.gap());
        } catch (IllegalArgumentException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "configuration " + PID + ": " + e.getMessage() + "; what held before stays");
        }
    }

    @Reference(
            name = "source",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            updated = "updated")
    public void bind(PageSourceFactory factory, Map<String, Object> properties) {
        try {
            Set<String> schemes = Set.copyOf(factory.schemes());
            int ranking = properties.get(Constants.SERVICE_RANKING) instanceof Integer i ? i : 0;
            long id = properties.get(Constants.SERVICE_ID) instanceof Long n ? n : 0;
            offers.add(new Offer(factory, schemes, ranking, id));
        } catch (Throwable e) { // others' code
            LOG.log(
                    System.Logger.Level.ERROR,
                    "page source factory %s does not say its schemes and is left out"
                            .formatted(Others.name(factory)),
                    e);
        }
    }

    /** Its properties changed, e.g. its ranking: counts from the next opening on. */
    void updated(PageSourceFactory factory, Map<String, Object> properties) {
        List<Offer> before = offers.stream().filter(o -> o.factory == factory).toList();
        bind(factory, properties);
        offers.removeIf(o -> before.stream().anyMatch(b -> b == o));
    }

    public void unbind(PageSourceFactory factory) {
        offers.removeIf(o -> o.factory == factory);
        remotes.forEach((origin, at) -> {
            if (at.by == factory) {
                at.by = null;
                origin.drop();
            }
        });
    }

    private @Nullable PageSourceFactory factory(String scheme) {
        Offer best = null;
        for (Offer o : offers) {
            boolean better =
                    best == null
                            || o.ranking > best.ranking
                            || o.ranking == best.ranking && o.id < best.id;
            if (better && o.schemes.contains(scheme)) {
                best = o;
            }
        }
        return best == null ? null : best.factory;
    }

    private String noneFor(String scheme) {
        Set<String> there = new TreeSet<>(Set.of("file"));
        offers.forEach(o -> there.addAll(o.schemes));
        return "no page source for '%s:' is installed; there is %s"
                .formatted(scheme, String.join(", ", there));
    }

    /** Files of this host. */
    public Origin local(Path dir) {
        return new LocalOrigin(dir, directories, () -> policy);
    }

    // ---- opening

    /**
     * @throws SnapshotException if it is clear at once that nothing can be there; what is there,
     *     the first use says
     */
    public Origin open(URI location) throws SnapshotException {
        if (location.getScheme() == null) {
            throw new SnapshotException(
                    Kind.MISMATCH,
                    "'%s' is not the place of a snapshot: expected a URI with a scheme, for example http://host/dir"
                            .formatted(location));
        }
        String scheme = location.getScheme().toLowerCase(Locale.ROOT);
        if (scheme.equals("file")) {
            try {
                return local(Path.of(location));
            } catch (IllegalArgumentException | FileSystemNotFoundException e) {
                throw new SnapshotException(
                        Kind.MISMATCH,
                        "'%s' is not the place of a snapshot: %s"
                                .formatted(location, e.getMessage()),
                        e);
            }
        }
        if (factory(scheme) == null) {
            throw new SnapshotException(
                    Kind.SOURCE,
                    "snapshot %s cannot be read: %s".formatted(shown(location), noneFor(scheme)));
        }
        At at = new At(location, scheme);
        RemoteOrigin origin = new RemoteOrigin(shown(location), at, () -> policy, at::forget);
        remotes.put(origin, at);
        return origin;
    }

    /** A source that somebody brings along; closed with the origin. */
    public Origin attach(PageSource source) {
        RemoteOrigin.Opener given =
                new RemoteOrigin.Opener() {
                    @Override
                    public PageSource open() {
                        return source;
                    }

                    @Override
                    public @Nullable Origin parent(String path) {
                        return null;
                    }
                };
        return new RemoteOrigin("in " + source.getClass().getName(), given, () -> policy, () -> {});
    }

    /** Without what may be secret: user and query. */
    private static String shown(URI u) {
        if (u.isOpaque()) {
            return u.getScheme() + ":" + u.getRawSchemeSpecificPart();
        }
        String at = u.getRawAuthority();
        return u.getScheme()
                + (at == null ? ":" : "://" + at.substring(at.lastIndexOf('@') + 1))
                + u.getRawPath();
    }

    /** A place that a URI names. */
    private final class At implements RemoteOrigin.Opener {
        private final URI location;
        private final String scheme;
        private volatile @Nullable PageSourceFactory by; // null: nobody, or it went away

        At(URI location, String scheme) {
            this.location = location;
            this.scheme = scheme;
        }

        @Override
        public PageSource open() throws IOException {
            PageSourceFactory f = factory(scheme);
            if (f == null) {
                throw new IOException(noneFor(scheme));
            }
            by = f;
            return f.open(location);
        }

        @Override
        public @Nullable Origin parent(String path) throws SnapshotException {
            URI u = SiblingLocation.of(location, path);
            return u == null ? null : Sources.this.open(u);
        }

        void forget() {
            remotes.values().remove(this);
        }
    }
}
