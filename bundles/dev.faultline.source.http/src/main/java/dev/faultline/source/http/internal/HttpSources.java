// SPDX-License-Identifier: Apache-2.0
package dev.faultline.source.http.internal;

import dev.faultline.api.snapshot.PageSource;
import dev.faultline.api.snapshot.PageSourceFactory;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/** Snapshots behind web servers. All sources share one client, and so its connections. */
@Component(configurationPid = HttpSources.PID)
@Designate(ocd = HttpSources.Config.class)
public final class HttpSources implements PageSourceFactory {
    public static final String PID = "dev.faultline.source.http";
    private static final System.Logger LOG = System.getLogger(HttpSources.class.getName());

    /** A change holds for snapshots that are opened later. */
    @ObjectClassDefinition(
            id = PID,
            name = "Faultline page source over HTTP",
            description = "How web servers are asked for snapshots")
    public @interface Config {
        @AttributeDefinition(
                name = "Connect timeout",
                description = "Milliseconds for a connection to be there",
                min = "1",
                max = "300000")
        long connect_timeout() default 5_000;

        @AttributeDefinition(
                name = "Answer timeout",
                description =
                        "Milliseconds for an answer to begin; the deadline of page sources may end the wait before",
                min = "1",
                max = "300000")
        long answer_timeout() default 30_000;

        @AttributeDefinition(
                name = "Redirect hosts",
                description =
                        "Hosts that a server may send requests to; to itself it may in any case, elsewhere never")
        String[] redirect_hosts() default {};
    }

    private volatile HttpPolicy policy = HttpPolicy.DEFAULT;
    private @Nullable HttpClient client; // guarded by this
    private boolean closed; // guarded by this

    @Activate
    public HttpSources(Config config) {
        modified(config);
    }

    HttpSources(HttpPolicy policy) {
        this.policy = policy;
    }

    @Modified
    void modified(Config c) {
        try {
            policy = HttpPolicy.of(c.connect_timeout(), c.answer_timeout(), c.redirect_hosts());
            synchronized (this) {
                client = null; // sources that are open keep theirs
            }
        } catch (IllegalArgumentException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "configuration " + PID + ": " + e.getMessage() + "; what held before stays");
        }
    }

    @Override
    public Set<String> schemes() {
        return Set.of("http", "https");
    }

    @Override
    public PageSource open(URI location) throws IOException {
        if (location.getHost() == null || location.getRawUserInfo() != null) {
            throw new IOException("expected http://HOST/PATH without user and password");
        }
        if (location.getRawFragment() != null) {
            throw new IOException("expected no # in the place of a snapshot");
        }
        return new HttpSource(client(), policy, location);
    }

    /** Made when first needed: that takes longer than all else here. */
    private synchronized HttpClient client() throws IOException {
        if (closed) {
            throw new IOException("the bundle dev.faultline.source.http is stopped");
        }
        if (client == null) {
            client =
                    HttpClient.newBuilder()
                            .version(HttpClient.Version.HTTP_1_1)
                            .followRedirects(HttpClient.Redirect.NEVER)
                            .connectTimeout(policy.connect())
                            .build();
        }
        return client;
    }

    @Deactivate
    void close() {
        HttpClient last;
        synchronized (this) {
            closed = true;
            last = client;
            client = null;
        }
        if (last != null) {
            last.shutdownNow();
        }
    }
}
