// SPDX-License-Identifier: Apache-2.0
package dev.faultline.config.internal;

import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Dictionary;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.cm.ConfigurationPlugin;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.log.Logger;
import org.osgi.service.log.LoggerFactory;

/**
 * Looks at every configuration before its reader gets it, at the start and whenever it changes. A
 * value that the reader's bundle does not allow is named in the log, with its file, key and what is
 * allowed, and taken out, so that the default holds. Whoever wrote the bundle: what it declares is
 * all that is needed.
 */
@Component
public final class ConfigurationCheck implements ConfigurationPlugin {
    /** Set by FileInstall to the URI of the file that a configuration comes from. */
    private static final String FILE = "felix.fileinstall.filename";

    private final BundleContext context;
    private final Logger log;

    /** By bundle id and the time of its contents. */
    private final Map<Long, Known> known = new ConcurrentHashMap<>();

    /** What was said, so that it is said once: by PID, the lines of its present contents. */
    private final Map<String, Set<String>> said = new ConcurrentHashMap<>();

    private record Known(long modified, Declarations declarations) {}

    @Activate
    public ConfigurationCheck(
            BundleContext context,
            @Reference(name = "log", service = LoggerFactory.class) Logger log) {
        this.context = context;
        this.log = log;
    }

    @Override
    public void modifyConfiguration(
            ServiceReference<?> reference, Dictionary<String, Object> properties) {
        Object pid = properties.get(Constants.SERVICE_PID);
        Object factoryPid = properties.get(ConfigurationAdmin.SERVICE_FACTORYPID);
        if (pid == null) {
            return;
        }
        String name = (factoryPid == null ? pid : factoryPid).toString();
        Map<String, Attribute> attributes = new TreeMap<>();
        boolean all = false;
        for (Bundle bundle : context.getBundles()) {
            Declarations d = declarations(bundle);
            if (d != null) {
                d.of(name).forEach(attributes::putIfAbsent);
                all |= d.listsAll(name);
            }
        }
        Set<String> lines = new TreeSet<>();
        check(attributes, all, where(pid, properties), properties, lines);
        Set<String> before = said.put(pid.toString(), lines);
        for (String line : lines) {
            if (before == null || !before.contains(line)) {
                log.error(line);
            }
        }
    }

    private @Nullable Declarations declarations(Bundle bundle) {
        if (bundle.getState() == Bundle.UNINSTALLED
                || bundle.getBundleId() == Constants.SYSTEM_BUNDLE_ID) {
            return null;
        }
        Known k = known.get(bundle.getBundleId());
        if (k == null || k.modified != bundle.getLastModified()) {
            try {
                k = new Known(bundle.getLastModified(), Declarations.of(bundle));
            } catch (IllegalStateException e) {
                return null; // uninstalled just now
            }
            known.put(bundle.getBundleId(), k);
        }
        return k.declarations;
    }

    /** Takes wrong values out and adds a line for each. */
    static void check(
            Map<String, Attribute> attributes,
            boolean all,
            String where,
            Dictionary<String, Object> properties,
            Set<String> lines) {
        for (String key : Collections.list(properties.keys())) {
            Attribute a = attributes.get(key);
            Object value = properties.get(key);
            if (a != null) {
                String expected = a.wrong(value);
                if (expected != null) {
                    lines.add(
                            "%s: %s=%s: expected %s; %s"
                                    .formatted(
                                            where,
                                            key,
                                            printable(value),
                                            expected,
                                            a.otherwise() == null
                                                    ? "the key counts as missing"
                                                    : "the default " + a.otherwise() + " holds"));
                    properties.remove(key);
                }
            } else if (all && !isGeneral(key)) {
                List<String> keys = new ArrayList<>(new TreeSet<>(attributes.keySet()));
                lines.add(
                        "%s: %s=%s: nobody reads this key; there is %s"
                                .formatted(where, key, printable(value), String.join(", ", keys)));
            }
        }
    }

    private static String printable(Object value) {
        String text = value.getClass().isArray() ? arrayText(value) : value.toString();
        return text.replaceAll("\\p{Cntrl}", "?");
    }

    private static String arrayText(Object array) {
        List<String> all = new ArrayList<>();
        for (int i = 0; i < Array.getLength(array); i++) {
            all.add(String.valueOf(Array.get(array, i)));
        }
        return String.join(", ", all);
    }

    /** Keys of the framework, the component runtime and FileInstall. */
    private static boolean isGeneral(String key) {
        return key.startsWith("service.")
                || key.startsWith("component.")
                || key.startsWith("felix.")
                || key.startsWith("osgi.")
                || key.startsWith(".")
                || key.endsWith(".target")
                || key.endsWith(".cardinality.minimum");
    }

    private static String where(Object pid, Dictionary<String, Object> properties) {
        Object file = properties.get(FILE);
        if (file == null) {
            return "configuration " + pid;
        }
        String path = file.toString();
        int name = path.lastIndexOf('/');
        return path.substring(path.lastIndexOf('/', name - 1) + 1);
    }
}
