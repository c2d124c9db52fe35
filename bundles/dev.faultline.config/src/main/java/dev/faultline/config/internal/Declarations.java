// SPDX-License-Identifier: Apache-2.0
package dev.faultline.config.internal;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;

/**
 * What a bundle declares about the configurations it reads: its metatype documents (OSGi
 * Compendium, "Metatype Service Specification") and, for what they do not tell, the typed
 * properties of its components ("Declarative Services Specification").
 */
final class Declarations {
    private static final String COMPONENTS = "Service-Component";

    /** By PID, then by key. */
    private final Map<String, Map<String, Attribute>> byPid = new HashMap<>();

    /** PIDs whose keys a metatype document lists. */
    private final Map<String, Boolean> complete = new HashMap<>();

    private Declarations() {}

    /**
     * What the bundle declares; a document that cannot be read declares nothing. Asks for entries
     * only, of the bundle itself: {@code findEntries} would resolve one that is just being updated,
     * and the framework then refuses to start it for whoever updates it.
     */
    static Declarations of(Bundle bundle) {
        Declarations d = new Declarations();
        String header = bundle.getHeaders("").get(COMPONENTS);
        for (String entry : header == null ? new String[0] : header.split(",")) {
            String path = entry.split(";")[0].strip();
            int slash = path.lastIndexOf('/');
            d.read(bundle, slash < 0 ? "/" : path.substring(0, slash), path.substring(slash + 1));
        }
        d.read(bundle, "OSGI-INF/metatype", "*.xml");
        return d;
    }

    /** Reads the entries of a folder whose name matches the pattern; {@code *} is any text. */
    private void read(Bundle bundle, String folder, String pattern) {
        Pattern name = Pattern.compile("\\Q" + pattern.replace("*", "\\E.*\\Q") + "\\E");
        Enumeration<String> paths = bundle.getEntryPaths(folder);
        while (paths != null && paths.hasMoreElements()) {
            String path = paths.nextElement();
            URL url =
                    name.matcher(path.substring(path.lastIndexOf('/') + 1)).matches()
                            ? bundle.getEntry(path)
                            : null;
            if (url != null) {
                read(url);
            }
        }
    }

    /** The keys declared for a PID or factory PID; empty if none are. */
    Map<String, Attribute> of(String pid) {
        return byPid.getOrDefault(pid, Map.of());
    }

    /** Whether the keys of that PID are all listed. */
    boolean listsAll(String pid) {
        return complete.containsKey(pid);
    }

    private void read(URL document) {
        try (InputStream in = document.openStream()) {
            read(in);
        } catch (IOException | XMLStreamException e) {
            // Its own runtime, for components or metatype, says what is wrong with it.
        }
    }

    /** Reads a document of either kind. */
    void read(InputStream in) throws XMLStreamException {
        XMLInputFactory factory = XMLInputFactory.newDefaultFactory();
        factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
        factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
        XMLStreamReader xml = factory.createXMLStreamReader(in);
        Map<String, Map<String, Attribute>> classes = new HashMap<>();
        Map<String, List<String>> pidsOfClass = new HashMap<>();
        Map<String, Attribute> current = null;
        List<String> pids = List.of();
        String designated = null;
        while (xml.hasNext()) {
            if (xml.next() != XMLStreamConstants.START_ELEMENT) {
                continue;
            }
            switch (xml.getLocalName()) {
                case "component" -> pids = pidsOf(xml);
                case "property" -> property(xml, pids);
                case "OCD" -> {
                    current = new LinkedHashMap<>();
                    classes.put(attribute(xml, "id"), current);
                }
                case "AD" -> {
                    Attribute a = declared(xml);
                    if (current != null && a != null) {
                        current.put(a.id(), a);
                    }
                }
                case "Option" -> option(xml, current);
                case "Designate" -> {
                    String factoryPid = attribute(xml, "factoryPid");
                    designated = factoryPid == null ? attribute(xml, "pid") : factoryPid;
                }
                case "Object" ->
                        pidsOfClass
                                .computeIfAbsent(attribute(xml, "ocdref"), k -> new ArrayList<>())
                                .add(designated);
                default -> {
                    // Nothing about keys.
                }
            }
        }
        pidsOfClass.forEach((id, all) -> {
            for (String pid : all) {
                byPid.computeIfAbsent(pid, k -> new LinkedHashMap<>())
                        .putAll(classes.getOrDefault(id, Map.of()));
                complete.put(pid, true);
            }
        });
    }

    private static List<String> pidsOf(XMLStreamReader xml) {
        String pids = attribute(xml, "configuration-pid");
        String name = attribute(xml, "name");
        List<String> all = new ArrayList<>();
        for (String pid : (pids == null ? "$" : pids).strip().split("\\s+")) {
            all.add(pid.equals("$") ? name : pid);
        }
        return all;
    }

    /** A component's property with a value: the type of its default. */
    private void property(XMLStreamReader xml, List<String> pids) {
        String id = attribute(xml, "name");
        String value = attribute(xml, "value");
        if (id == null || value == null) {
            return;
        }
        String type = attribute(xml, "type");
        Attribute a =
                new Attribute(id, type == null ? "String" : type, null, null, List.of(), value);
        for (String pid : pids) {
            byPid.computeIfAbsent(pid, k -> new LinkedHashMap<>()).putIfAbsent(id, a);
        }
    }

    /** Null: it has no id. */
    private static @Nullable Attribute declared(XMLStreamReader xml) {
        String id = attribute(xml, "id");
        String type = attribute(xml, "type");
        if (id == null) {
            return null;
        }
        return new Attribute(
                id,
                type == null ? "String" : type,
                attribute(xml, "min"),
                attribute(xml, "max"),
                new ArrayList<>(),
                attribute(xml, "default"));
    }

    /** An option belongs to the attribute that was declared last. */
    private static void option(XMLStreamReader xml, @Nullable Map<String, Attribute> current) {
        Attribute last = null;
        for (Attribute a : current == null ? List.<Attribute>of() : current.values()) {
            last = a;
        }
        if (last != null && attribute(xml, "value") != null) {
            last.options().add(attribute(xml, "value"));
        }
    }

    private static @Nullable String attribute(XMLStreamReader xml, String name) {
        return xml.getAttributeValue(null, name);
    }

    /** For tests. */
    static Declarations of(InputStream... documents) throws XMLStreamException {
        Declarations d = new Declarations();
        for (InputStream in : documents) {
            d.read(in);
        }
        return d;
    }
}
