// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.service;

import dev.faultline.api.service.Others;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Constants;

/**
 * The services of one kind that are offered, the best first: by ranking, then the older one.
 * Several may offer the same name; the next takes over when the best goes. Reads take no lock. Any
 * thread.
 */
public final class Offers<T> {
    private static final System.Logger LOG = System.getLogger(Offers.class.getName());

    /** How a service of this kind is called; may throw, for it is others' code. */
    public interface Naming<T> {
        /**
         * @return null if it has no name
         */
        @Nullable String of(T service, Map<String, ?> properties);
    }

    /**
     * @param name as it was when the service came or its properties changed
     */
    public record Offer<T>(T service, String name, int ranking, long id) {}

    private final String kind;
    private final Naming<T> naming;
    private volatile List<Offer<T>> offers = List.of();

    /**
     * @param kind for people, e.g. "engine"
     */
    public Offers(String kind, Naming<T> naming) {
        this.kind = kind;
        this.naming = naming;
    }

    /**
     * A service came, or its properties changed.
     *
     * @return its offer; null if it has no proper name, which is logged
     */
    public synchronized @Nullable Offer<T> put(T service, Map<String, ?> properties) {
        Offer<T> offer = null;
        try {
            String name = naming.of(service, properties);
            if (name == null || name.isBlank()) {
                throw new IllegalArgumentException("it has no name");
            }
            offer = new Offer<>(service, name, ranking(properties), id(properties));
        } catch (Throwable e) { // others' code
            Others.report(LOG, kind + " " + Others.name(service) + ", which is left out,", e);
        }
        List<Offer<T>> now = without(service);
        if (offer != null) {
            now.add(offer);
            now.sort(
                    Comparator.comparingInt((Offer<T> o) -> o.ranking)
                            .reversed()
                            .thenComparingLong(Offer::id));
        }
        offers = List.copyOf(now);
        return offer;
    }

    public synchronized void remove(T service) {
        offers = List.copyOf(without(service));
    }

    private List<Offer<T>> without(T service) {
        List<Offer<T>> now = new ArrayList<>(offers);
        now.removeIf(o -> o.service == service);
        return now;
    }

    /** The offer of a service that came before, or null. */
    public @Nullable Offer<T> of(Object service) {
        for (Offer<T> o : offers) {
            if (o.service == service) {
                return o;
            }
        }
        return null;
    }

    /** All services, the best first. */
    public List<T> all() {
        return offers.stream().map(Offer::service).toList();
    }

    /** The best of that name, or null. */
    public @Nullable T best(String name) {
        for (Offer<T> o : offers) {
            if (o.name.equals(name)) {
                return o.service;
            }
        }
        return null;
    }

    /** The name of the best of all, or null. */
    public @Nullable String bestName() {
        List<Offer<T>> now = offers;
        return now.isEmpty() ? null : now.getFirst().name;
    }

    /** In alphabetical order. */
    public List<String> names() {
        return offers.stream().map(Offer::name).distinct().sorted().toList();
    }

    public boolean isEmpty() {
        return offers.isEmpty();
    }

    /** As the framework reads it: anything but an integer is 0. */
    public static int ranking(Map<String, ?> properties) {
        return properties.get(Constants.SERVICE_RANKING) instanceof Integer i ? i : 0;
    }

    public static long id(Map<String, ?> properties) {
        return properties.get(Constants.SERVICE_ID) instanceof Long n ? n : 0;
    }
}
